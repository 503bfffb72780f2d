"""Everybody does and sees what his post, his county and his organisation allow, and what is his own."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from changhu_common.roles import Role

Story = Any


async def test_without_a_token_nobody_records_and_without_the_role_neither(story: Story) -> None:
    assert await story.refused("/visits", {}, story.visit()) == (401, "auth.token_invalid")
    assert await story.refused("/visits", story.clerk, story.visit()) == (403, "auth.role_missing")
    assert await story.refused("/organizations", story.office, {}) == (403, "auth.role_missing")


async def test_a_change_needs_an_idempotency_key_and_a_key_has_one_body(story: Story) -> None:
    missing = await story.running.client.post("/visits", headers=story.office, json=story.visit())
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency.key_missing")
    first = await story.post("/visits", story.office, story.visit(), key="k")
    repeated = await story.post("/visits", story.office, story.visit(), key="k")
    assert (repeated.status_code, repeated.json()) == (201, first.json())
    reused = await story.refused("/visits", story.office, story.visit("V2"), key="k")
    assert reused == (422, "idempotency.key_reused")


async def test_another_organisation_is_not_found(story: Story) -> None:
    other = story.staff_token(str(uuid4()))
    recorded = await story.made("/visits", story.office, story.visit())
    path = f"/visits/{recorded['visit_id']}"
    plan = {
        "organization_id": story.organization_id,
        "person_id": story.person_id,
        "mode": "home",
        "items": ["LC01"],
        "start": "2026-07-01",
    }
    price = {"prices": [{"item": "LC01", "price_fen": 100, "start": "2026-01-01"}]}
    for where, body in (
        ("/visits", story.visit("V2")),
        (f"{path}/void", {"reason": "x"}),
        (f"{path}/correction", {**story.visit(minutes=30), "reason": "x"}),
        ("/care-plans", plan),
        (f"/organizations/{story.organization_id}/prices", price),
        (f"/staff/{story.staff_id}/release", {"end": "2026-07-31"}),
    ):
        assert await story.refused(where, other, body) == (404, "not_found"), where
    for where in (path, f"/organizations/{story.organization_id}", f"/organizations/{story.organization_id}/staff"):
        assert (await story.running.get(where, other)).status_code == 404
    assert (await story.running.get("/organizations", other)).json() == []


async def test_another_county_is_not_found(story: Story) -> None:
    clerk = story.running.token(Role.REGISTRY_CLERK, region="211122")
    suspension = {"start": "2026-07-01"}
    refused = await story.refused(f"/agreements/{story.agreement_id}/suspension", clerk, suspension)
    assert refused == (404, "not_found")
    body = {"pool": "211100", "county": "211102", "kind": "care_provider", "name": "甲"}
    assert await story.refused("/organizations", clerk, body) == (404, "not_found")
    in_another = story.staff_token(story.organization_id, region="211122")
    assert await story.refused("/visits", in_another, story.visit()) == (404, "not_found")


async def test_a_caregiver_records_and_sees_his_own_visits_alone(story: Story) -> None:
    own = story.caregiver_token(story.organization_id, "nurse-1")
    colleague = story.caregiver_token(story.organization_id, "nurse-2")
    await story.caregiver(story.organization_id, account="nurse-2")
    recorded = await story.made("/visits", own, story.visit())
    path = f"/visits/{recorded['visit_id']}"
    refusal = (403, "visit.of_another_caregiver")
    assert await story.refused("/visits", colleague, story.visit("V2")) == refusal
    assert await story.refused(f"{path}/void", colleague, {"reason": "x"}) == refusal
    month = {"organization_id": story.organization_id, "month": "2026-07"}
    assert len((await story.running.get("/visits", own, **month)).json()) == 1
    assert (await story.running.get("/visits", colleague, **month)).json() == []
    assert (await story.running.get(path, colleague)).status_code == 404
    assert (await story.running.get(path, own)).status_code == 200
    answer = await story.made("/visits/batch", colleague, {"visits": [story.visit("V3")]})
    assert [each["code"] for each in answer["rejected"]] == ["visit.of_another_caregiver"]


async def test_a_visit_cannot_be_passed_to_a_colleague_by_a_correction(story: Story) -> None:
    own = story.caregiver_token(story.organization_id, "nurse-1")
    other = await story.caregiver(story.organization_id, account="nurse-2")
    recorded = await story.made("/visits", own, story.visit())
    body = {**story.visit(staff_id=other), "reason": "x"}
    path = f"/visits/{recorded['visit_id']}/correction"
    assert await story.refused(path, own, body) == (403, "visit.of_another_caregiver")
    assert (await story.made(path, story.office, body))["revision"] == 2


async def test_auditors_and_clerks_read_what_they_do_not_write(story: Story) -> None:
    await story.made("/visits", story.office, story.visit(at=story.noon - timedelta(days=1)))
    month = {"organization_id": story.organization_id, "month": "2026-07"}
    for who in (story.auditor, story.clerk):
        (visit,) = (await story.running.get("/visits", who, **month)).json()
        assert visit["items"] == [{"item": "LC12", "quantity": 1}]
    assert await story.refused("/visits", story.auditor, story.visit()) == (403, "auth.role_missing")


async def test_the_person_the_ward_and_nobody_else_confirms_a_plan(story: Story) -> None:
    def insured(**who: Any) -> dict[str, str]:
        headers: dict[str, str] = story.running.token(Role.INSURED_PERSON, region="211102", subject="p", **who)
        return headers

    plan_id = await story.plan(story.organization_id, story.person_id)
    path = f"/care-plans/{plan_id}/confirmation"
    stranger = insured(person=uuid4())
    assert await story.refused(path, stranger, {}) == (404, "not_found")
    assert (await story.running.get(f"/care-plans/{plan_id}", stranger)).status_code == 404
    guardian = insured(person=uuid4(), wards=[UUID(story.person_id)])
    assert (await story.made(path, guardian, {}))["status"] == "confirmed"
    second = await story.plan(story.organization_id, story.person_id)
    himself = insured(person=UUID(story.person_id))
    assert (await story.made(f"/care-plans/{second}/confirmation", himself))["status"] == "confirmed"
    assert len((await story.running.get("/care-plans", himself)).json()) == 3
