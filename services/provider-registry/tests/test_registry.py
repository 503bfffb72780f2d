"""Agreements, staff, prices and plans stand without overlap, and every change of them is told."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from changhu_common.events.care import CarePlanConfirmed
from changhu_common.events.provider import (
    PricesPublished,
    ProviderDesignated,
    ProviderResumed,
    ProviderSuspended,
    ProviderTerminated,
    StaffRegistered,
    StaffReleased,
)
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

World = Any
Story = Any

ORGANIZATION = {"pool": "211100", "county": "211102", "kind": "care_provider", "name": "颐和护理站"}


async def test_an_organisation_belongs_to_a_county_of_its_pool(world: World) -> None:
    answer = await world.made("/organizations", world.clerk, {**ORGANIZATION, "uscc": "91110000600037341L"})
    found = await world.running.get(f"/organizations/{answer['organization_id']}", world.auditor)
    assert found.json()["organization"]["name"] == "颐和护理站"
    for wrong in ({"county": "211199"}, {"uscc": "91110000600037341K"}, {"kind": "x"}, {"name": " "}, {"unknown": 1}):
        refused = await world.refused("/organizations", world.clerk, {**ORGANIZATION, **wrong})
        assert refused == (422, "input.invalid"), wrong
    again = {**ORGANIZATION, "uscc": "91110000600037341L"}
    assert await world.refused("/organizations", world.clerk, again) == (409, "organization.known")


async def test_an_agreement_is_told_once_another_clerk_approved_it(world: World) -> None:
    organization_id = await world.organization()
    path = f"/organizations/{organization_id}/agreements"
    entered = await world.made(path, world.clerk, {"modes": ["home"], "start": "2026-01-01", "end": "2027-12-31"})
    approval = f"/agreements/{entered['agreement_id']}/approval"
    assert entered["status"] == "entered"
    assert await world.running.told() == []
    assert await world.refused(approval, world.clerk, {}) == (403, "post.not_separated")
    assert (await world.made(approval, world.other_clerk, {}))["status"] == "approved"
    (told,) = await world.running.told(ProviderDesignated)
    assert (told.revision, told.modes, told.start, told.end) == (1, ("home",), date(2026, 1, 1), date(2027, 12, 31))
    assert (told.county, told.kind, told.name) == ("211102", "care_provider", "颐和护理站")
    assert await world.refused(approval, world.other_clerk, {}) == (409, "agreement.decided")


async def test_an_organisation_has_one_agreement_at_a_time(world: World) -> None:
    organization_id = await world.organization()
    await world.agreement(organization_id, start="2026-01-01", end="2026-12-31")
    path = f"/organizations/{organization_id}/agreements"
    overlapping = {"modes": ["home"], "start": "2026-12-31"}
    assert await world.refused(path, world.clerk, overlapping) == (409, "agreement.overlap")
    await world.agreement(organization_id, start="2027-01-01")


async def test_a_rejected_agreement_leaves_its_days_free(world: World) -> None:
    organization_id = await world.organization()
    path = f"/organizations/{organization_id}/agreements"
    entered = await world.made(path, world.clerk, {"modes": ["home"], "start": "2026-01-01"})
    await world.made(f"/agreements/{entered['agreement_id']}/rejection", world.clerk, {"reason": "录错"})
    await world.agreement(organization_id)


async def test_suspension_resumption_and_termination_are_told_with_the_days_that_stand(world: World) -> None:
    agreement_id = await world.agreement(await world.organization())
    path = f"/agreements/{agreement_id}"
    assert await world.refused(f"{path}/resumption", world.clerk, {"on": "2026-03-01"}) == (
        409,
        "agreement.not_suspended",
    )
    await world.made(f"{path}/suspension", world.clerk, {"start": "2026-03-01"})
    overlapping = {"start": "2026-04-01", "end": "2026-04-02"}
    assert await world.refused(f"{path}/suspension", world.clerk, overlapping) == (409, "agreement.suspension_unfit")
    await world.made(f"{path}/resumption", world.clerk, {"on": "2026-03-11"})
    await world.made(f"{path}/termination", world.clerk, {"end": "2026-12-31"})
    later = {"end": "2027-01-01"}
    assert await world.refused(f"{path}/termination", world.clerk, later) == (409, "agreement.end_unfit")
    (suspended,) = await world.running.told(ProviderSuspended)
    (resumed,) = await world.running.told(ProviderResumed)
    (terminated,) = await world.running.told(ProviderTerminated)
    assert [suspended.revision, resumed.revision, terminated.revision] == [2, 3, 4]
    assert suspended.suspensions[0].end is None
    assert terminated.suspensions == resumed.suspensions
    assert (resumed.suspensions[0].start, resumed.suspensions[0].end) == (date(2026, 3, 1), date(2026, 3, 10))
    assert terminated.end == date(2026, 12, 31)


async def test_a_suspension_resumed_on_its_first_day_never_was(world: World) -> None:
    agreement_id = await world.agreement(await world.organization())
    await world.made(f"/agreements/{agreement_id}/suspension", world.clerk, {"start": "2026-03-01"})
    resumed = await world.made(f"/agreements/{agreement_id}/resumption", world.clerk, {"on": "2026-03-01"})
    assert resumed["suspensions"] == []


async def test_only_an_approved_agreement_is_suspended(world: World) -> None:
    path = f"/organizations/{await world.organization()}/agreements"
    entered = await world.made(path, world.clerk, {"modes": ["home"], "start": "2026-01-01"})
    refused = await world.refused(
        f"/agreements/{entered['agreement_id']}/suspension", world.clerk, {"start": "2026-03-01"}
    )
    assert refused == (409, "agreement.not_approved")


async def test_an_account_serves_one_organisation_at_a_time(world: World) -> None:
    first, second = await world.organization(), await world.organization()
    staff_id = await world.caregiver(first)
    body = {"name": "王小明", "roles": ["caregiver"], "account": "nurse-1", "start": "2026-08-01"}
    path = f"/organizations/{second}/staff"
    assert await world.refused(path, world.staff_token(second), body) == (409, "staff.elsewhere")
    release = f"/staff/{staff_id}/release"
    assert await world.refused(release, world.clerk, {"end": "2025-12-31"}) == (409, "staff.end_unfit")
    await world.made(release, world.staff_token(first), {"end": "2026-07-31"})
    await world.made(path, world.staff_token(second), body)
    assert await world.refused(release, world.clerk, {"end": "2026-07-30"}) == (409, "staff.released")
    (released,) = await world.running.told(StaffReleased)
    assert (released.revision, released.end) == (2, date(2026, 7, 31))
    assert [each.account for each in await world.running.told(StaffRegistered)] == ["nurse-1", "nurse-1"]


async def test_a_name_is_masked_in_lists_and_ciphertext_at_rest(world: World) -> None:
    organization_id = await world.organization()
    await world.caregiver(organization_id)
    (shown,) = (await world.running.get(f"/organizations/{organization_id}/staff", world.auditor)).json()
    assert shown["name"] == "王**"
    rows = await world.rows()
    assert "王小明" not in str(rows)
    assert "王小明".encode() not in rows["staff"][0].name


async def test_roles_fit_the_kind_of_organisation(world: World) -> None:
    organization_id = await world.organization(kind="assessment_organization")
    body = {"name": "李", "roles": ["caregiver"], "account": "a", "start": "2026-01-01"}
    path = f"/organizations/{organization_id}/staff"
    assert await world.refused(path, world.clerk, body) == (422, "staff.role_unfit")
    both = {**body, "roles": ["assessor", "expert"], "person_id": str(uuid4())}
    assert (await world.made(path, world.clerk, both))["roles"] == ["assessor", "expert"]


def price(item: str = "LC01", price_fen: Any = 2500, start: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    return {"item": item, "price_fen": price_fen, "start": start, **more}


async def test_the_whole_list_is_told_with_every_change(world: World) -> None:
    organization_id = await world.organization()
    path, office = f"/organizations/{organization_id}/prices", world.staff_token(organization_id)
    first = await world.made(path, office, {"prices": [price(), price("LC12", 8000)]})
    assert first["revision"] == 1
    price_id = first["prices"][0]["price_id"]
    await world.made(f"{path}/{price_id}/end", office, {"end": "2026-06-30"})
    await world.made(path, office, {"prices": [price(price_fen=2600, start="2026-07-01")]})
    await world.made(f"{path}/{first['prices'][1]['price_id']}/void", office, {"reason": "录错"})
    lists = await world.running.told(PricesPublished)
    assert [each.revision for each in lists] == [1, 2, 3, 4]
    assert [(each.item, each.price_fen, each.end) for each in lists[-1].prices] == [
        ("LC01", 2500, date(2026, 6, 30)),
        ("LC01", 2600, None),
    ]
    read = (await world.running.get(path, world.auditor)).json()
    assert (read["revision"], len(read["prices"])) == (4, 2)


BAD_PRICES: list[tuple[list[dict[str, Any]], tuple[int, str]]] = [
    ([price(start="2026-06-01")], (409, "price.overlap")),
    ([price("LC12"), price("LC12", start="2027-01-01")], (409, "price.overlap")),
    ([price("XX99")], (422, "item.unknown")),
    ([price("LC12", 0)], (422, "input.invalid")),
    ([price("LC12", -5)], (422, "input.invalid")),
    ([price("LC12", 12.5)], (422, "input.invalid")),
    ([price("LC12", "100")], (422, "input.invalid")),
    ([price("LC12", end="2025-12-31")], (422, "input.invalid")),
    ([{}], (422, "input.invalid")),
]


async def test_a_bad_price_leaves_the_list_as_it_was(world: World) -> None:
    organization_id = await world.organization()
    path, office = f"/organizations/{organization_id}/prices", world.staff_token(organization_id)
    await world.made(path, office, {"prices": [price()]})
    for bad, expected in BAD_PRICES:
        assert await world.refused(path, office, {"prices": [price("LC02"), *bad]}) == expected, bad


async def test_a_price_ends_within_its_days(world: World) -> None:
    organization_id = await world.organization()
    path = f"/organizations/{organization_id}/prices"
    published = await world.made(path, world.clerk, {"prices": [price()]})
    end = f"{path}/{published['prices'][0]['price_id']}/end"
    assert await world.refused(end, world.clerk, {"end": "2025-12-31"}) == (409, "price.end_unfit")
    assert await world.refused(f"{path}/{uuid4()}/end", world.clerk, {"end": "2026-12-31"}) == (404, "not_found")


async def test_a_clerk_confirms_a_plan_only_with_the_signed_document(story: Story) -> None:
    plan_id = await story.plan(story.organization_id, story.person_id, end="2026-12-31")
    path = f"/care-plans/{plan_id}/confirmation"
    assert await story.refused(path, story.clerk, {}) == (422, "plan.document_missing")
    await story.made(path, story.clerk, {"signed_document": "档案 18 号"})
    told = (await story.running.told(CarePlanConfirmed))[-1]
    assert (str(told.plan_id), told.revision, told.items, told.end) == (
        plan_id,
        1,
        ("LC01", "LC12", "MC03"),
        date(2026, 12, 31),
    )
    assert await story.refused(path, story.clerk, {"signed_document": "x"}) == (409, "plan.confirmed")


async def test_a_plan_is_for_a_living_person_of_the_pool_and_of_known_items(story: Story) -> None:
    draft = {
        "organization_id": story.organization_id,
        "person_id": story.person_id,
        "mode": "home",
        "items": ["LC01"],
        "start": "2026-07-01",
    }
    dead = await story.person(died_on=date(2026, 6, 1))
    assessors = await story.organization(kind="assessment_organization")
    for change, expected in (
        ({"items": ["XX99"]}, (422, "item.unknown")),
        ({"person_id": str(uuid4())}, (422, "person.unknown")),
        ({"person_id": dead}, (422, "person.died")),
        ({"organization_id": assessors}, (422, "organization.not_care_provider")),
        ({"organization_id": str(uuid4())}, (404, "not_found")),
        ({"end": "2026-06-30"}, (422, "input.invalid")),
        ({"items": []}, (422, "input.invalid")),
    ):
        assert await story.refused("/care-plans", story.clerk, {**draft, **change}) == expected, change


DOUBLES = (
    "INSERT INTO agreement SELECT gen_random_uuid(), organization_id, modes, start, \"end\", '[]', status, 1, 'a', 'b'"
    " FROM agreement",
    'INSERT INTO staff SELECT gen_random_uuid(), organization_id, name, roles, account, person_id, start, "end", 1'
    " FROM staff",
    'INSERT INTO price SELECT gen_random_uuid(), organization_id, item, price_fen, start, "end" FROM price',
    "UPDATE agreement SET decided_by = entered_by",
    "INSERT INTO visit SELECT gen_random_uuid(), organization_id, 'other', person_id, pool, county, mode, staff_id,"
    " started_at + interval '30 minutes', ended_at, check_in_place, check_out_place, items, 1, false, digest,"
    " digest, recorded_at FROM visit",
)


async def test_the_database_refuses_what_overlaps_by_itself(story: Story) -> None:
    await story.made(f"/organizations/{story.organization_id}/prices", story.office, {"prices": [price()]})
    await story.made("/visits", story.office, story.visit())
    for statement in DOUBLES:
        async with story.running.database.engine.connect() as connection:
            with pytest.raises(IntegrityError):
                await connection.execute(text(statement))


async def test_the_role_that_runs_the_registry_deletes_no_evidence(world: World) -> None:
    for table in ("visit", "agreement", "audit"):
        async with world.running.database.engine.connect() as connection:
            with pytest.raises(ProgrammingError):
                await connection.execute(text(f"DELETE FROM {table}"))
