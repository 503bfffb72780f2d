"""What a document leaves open holds once one person entered it and another approved it, and all are told."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.roles import Role
from changhu_policies import load_pack, pools
from changhu_policies.drafts import SETTING
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]

INCOME = {
    "pool": "211100",
    "parameter": "city_resident_disposable_income",
    "value": 4_320_000,
    "from": "2025-01-01",
    "to": "2025-12-31",
    "source": "统计公报 2025",
}
RETIREES_BASE = {
    "pool": "211100",
    "parameter": "contribution.base_by_mark",
    "qualifiers": {"category": "retiree", "mark": "no_personal_account"},
    "value": {"flat_fen": 300_000},
    "from": "2026-01-01",
    "source": "会议纪要 2026-1",
}


async def test_a_value_is_entered_by_one_and_approved_by_another(enrollment: Running) -> None:
    entry = enrollment.token(Role.POLICY_ENTRY, Role.POLICY_APPROVAL, subject="a")
    other = enrollment.token(Role.POLICY_APPROVAL, subject="b")
    entered = await enrollment.post("/policy-values", entry, INCOME)
    assert (entered.status_code, entered.json()["status"]) == (201, "entered")
    at = f"/policy-values/{entered.json()['value_id']}/approval"
    own = await enrollment.post(at, entry, {})
    assert (own.status_code, own.json()["code"]) == (403, "post.not_separated")
    assert await enrollment.told() == []
    approved = await enrollment.post(at, other, {})
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    again = await enrollment.post(at, other, {})
    assert (again.status_code, again.json()["code"]) == (409, "policy_value.already_approved")
    (event,) = await enrollment.told(PolicyValueApproved)
    assert (event.parameter, event.value, event.entered_by, event.approved_by) == (
        INCOME["parameter"],
        4_320_000,
        "a",
        "b",
    )
    listed = (await enrollment.get("/policy-values", entry, pool="211100")).json()["values"]
    assert [each["status"] for each in listed] == ["approved"]
    async with enrollment.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM supplied_value")) == 1


async def test_what_waits_may_be_withdrawn_with_a_reason_and_is_then_approved_by_nobody(enrollment: Running) -> None:
    entry, approval = enrollment.token(Role.POLICY_ENTRY), enrollment.token(Role.POLICY_APPROVAL)
    entered = (await enrollment.post("/policy-values", entry, INCOME)).json()
    at = f"/policy-values/{entered['value_id']}"
    withdrawn = await enrollment.post(f"{at}/withdrawal", approval, {"reason": "与公报不符"})
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    assert withdrawn.json()["withdrawal_reason"] == "与公报不符"
    for step, body in (("approval", {}), ("withdrawal", {"reason": "再次"})):
        again = await enrollment.post(f"{at}/{step}", approval, body)
        assert (again.status_code, again.json()["code"]) == (409, "policy_value.withdrawn")
    for status, found in (("entered", 0), ("withdrawn", 1)):
        listed = await enrollment.get("/policy-values", entry, pool="211100", status=status)
        assert len(listed.json()["values"]) == found
    assert await enrollment.told() == []


async def test_what_is_still_to_be_supplied_is_listed_with_its_clause(enrollment: Running) -> None:
    entry, approval = enrollment.token(Role.POLICY_ENTRY), enrollment.token(Role.POLICY_APPROVAL)

    async def missing() -> set[str]:
        found = (await enrollment.get("/policy-values/missing", entry, pool="211100", on="2026-07-01")).json()["values"]
        assert all(each["name"] and each["clause"] for each in found)
        return {each["parameter"] for each in found}

    assert "contribution.base_by_mark" in await missing()
    entered = (await enrollment.post("/policy-values", entry, RETIREES_BASE)).json()
    assert "contribution.base_by_mark" in await missing()
    await enrollment.post(f"/policy-values/{entered['value_id']}/approval", approval, {})
    assert "contribution.base_by_mark" not in await missing()


async def test_what_no_pack_can_take_is_refused(enrollment: Running) -> None:
    entry = enrollment.token(Role.POLICY_ENTRY)
    for more in (
        {"parameter": "weather"},
        {"value": -1},
        {"to": "2025-06-30"},
        {"parameter": "benefit.deductible", "value": "none"},
    ):
        answer = await enrollment.post("/policy-values", entry, {**INCOME, **more})
        assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid"), more
    county = enrollment.token(Role.POLICY_ENTRY, region="211102")
    assert (await enrollment.post("/policy-values", county, INCOME)).status_code == 404
    assert (await enrollment.post("/policy-values", enrollment.token(Role.AUDITOR), INCOME)).status_code == 403


async def test_an_approved_value_lets_a_run_go_on_and_is_cited(
    enrollment: Running, enrol: Enrol, clerk: dict[str, str]
) -> None:
    marked = {"marks": ["no_personal_account"], "coverage": {"category": "retiree", "base_fen": None}}
    person = (await enrol(1, **marked))["person_id"]
    july = {"pool": "211100", "period": "2026-07"}
    entered = await enrollment.post("/policy-values", enrollment.token(Role.POLICY_ENTRY), RETIREES_BASE)
    assert (await enrollment.post("/contribution-runs", clerk, july)).json()["code"] == "policy.missing"
    at = f"/policy-values/{entered.json()['value_id']}/approval"
    assert (await enrollment.post(at, enrollment.token(Role.POLICY_APPROVAL), {})).status_code == 200
    assert (await enrollment.post("/contribution-runs", clerk, july)).json()["due_fen"] == 1200
    (due,) = (await enrollment.get(f"/persons/{person}/dues", clerk)).json()
    assert {each["payer"]: each["status"] for each in due["parts"]} == {
        "medical_fund_surplus": "supplied",
        "person": "supplied",
    }
    assert all("补录依据：会议纪要 2026-1" in each["readings"] for each in due["parts"])


async def test_a_draft_is_refused_until_the_deployment_names_its_pool(
    enrollment: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = next(pool for pool in pools() if load_pack(pool).draft)
    entry = enrollment.token(Role.POLICY_ENTRY, region=draft)
    wage = INCOME | {"pool": draft, "parameter": "province_average_wage"}
    monkeypatch.setenv(SETTING, "")
    refused = await enrollment.post("/policy-values", entry, wage)
    assert (refused.status_code, refused.json()["code"]) == (409, "policy.draft")
    monkeypatch.setenv(SETTING, draft)
    assert (await enrollment.post("/policy-values", entry, wage)).status_code == 201
