"""What the budget cannot bear is let through by two different people, for a reason."""

import asyncio
from datetime import UTC, datetime

import pytest
from changhu_common.events.budget import BudgetReserved
from changhu_common.roles import Role

from tests.support.budgets import approved, care, in_force, line, release
from tests.support.ledgers import COUNTY
from tests.support.running import Running

JULY = datetime(2026, 7, 20, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_july(ledger: Running) -> None:
    ledger.advance_to(JULY)


async def test_two_different_people_let_one_through_with_a_reason(ledger: Running) -> None:
    await in_force(ledger, line(100))
    statement = approved(500)
    await ledger.hear(statement)
    told = statement.statement_id
    early = await release(ledger, told, "/approval", by="li")
    assert early.json()["code"] == "budget.release_not_asked"
    asked = await release(ledger, told, by="zhang", body={"reason": "追加预算正在报批"})
    assert asked.json()["release_reason"] == "追加预算正在报批"
    assert (await release(ledger, told, by="li", body={"reason": "再次"})).json()["code"] == "budget.release_asked"
    own = await release(ledger, told, "/approval", by="zhang")
    assert (own.status_code, own.json()["code"]) == (403, "post.not_separated")
    assert not await ledger.told(BudgetReserved)
    through = (await release(ledger, told, "/approval", by="li")).json()
    assert (through["status"], through["basis"], through["let_through_by"]) == ("reserved", "let_through", "li")
    (reserved,) = await ledger.told(BudgetReserved)
    assert (reserved.basis, reserved.revision) == ("let_through", 2)
    assert await care(ledger) == (100, 500, 0, -400)
    again = await release(ledger, told, by="zhang", body={"reason": "再次"})
    assert (again.status_code, again.json()["code"]) == (409, "budget.not_waiting")


async def test_a_refused_release_leaves_it_waiting(ledger: Running) -> None:
    await in_force(ledger, line(100))
    statement = approved(500)
    await ledger.hear(statement)
    await release(ledger, statement.statement_id, by="zhang", body={"reason": "急"})
    refused = await release(ledger, statement.statement_id, "/rejection", by="li", body={"reason": "先调预算"})
    assert (refused.json()["status"], refused.json()["release_asked_by"]) == ("waiting", None)
    approving = await release(ledger, statement.statement_id, "/approval", by="li")
    assert approving.json()["code"] == "budget.release_not_asked"


async def test_only_who_answers_for_the_pool_sees_and_releases_its_reservations(ledger: Running) -> None:
    await in_force(ledger, line(100))
    statement = approved(500)
    await ledger.hear(statement)
    path = f"/reservations/{statement.statement_id}"
    for region in (COUNTY, "330300"):
        who = ledger.token(Role.ACCOUNTANT, region=region)
        assert (await ledger.get(path, who)).status_code == 404
        assert (await ledger.get("/pools/211100/reservations", who)).status_code == 404
        assert (await ledger.post(f"{path}/release", who, {"reason": "急"})).status_code == 404
    told = await ledger.get("/pools/211100/reservations", ledger.token(Role.AUDITOR), status="waiting")
    assert [each["statement_id"] for each in told.json()] == [str(statement.statement_id)]


async def test_of_two_who_release_at_once_one_does(ledger: Running) -> None:
    await in_force(ledger, line(100))
    statement = approved(500)
    await ledger.hear(statement)
    await release(ledger, statement.statement_id, by="zhang", body={"reason": "急"})
    answered = await asyncio.gather(
        *(release(ledger, statement.statement_id, "/approval", by=f"li{n}") for n in range(4))
    )
    assert sorted(each.status_code for each in answered) == [200, 409, 409, 409]
    assert len(await ledger.told(BudgetReserved)) == 1
