"""A deposit stays in the fund with each transfer, until three people release it or two forfeit it."""

import asyncio
from typing import Any

import httpx
import pytest
from changhu_common.events.care import ServiceVoided
from changhu_common.events.settlement import (
    DepositForfeited,
    DepositReleased,
    DepositReturned,
    DepositWithheld,
    PaymentSettled,
)
from changhu_common.ids import new_id
from changhu_common.roles import Role
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.settlement.tests.settlement_story import (
    APPROVAL,
    CASHIER,
    COUNTY,
    ENTRY,
    Settlement,
    again,
    at,
    deployed,
    income,
)
from tests.support.running import Deploy

AUGUST, SEPTEMBER = at(2, month=8), at(2, month=9)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    """A July with one visit that the fund pays 80 yuan of, and 5 % of what is paid stays as a deposit."""
    settlement = await deployed(deploy)
    ratio = income(2026, parameter="settlement.deposit_ratio", value="5%", source="服务协议")
    await settlement.hear(*settlement.home(), ratio, settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    return settlement


async def decide(settlement: Settlement, outcome: str, fen: int, **said: Any) -> httpx.Response:
    body = {"outcome": outcome, "year": 2026, "amount_fen": fen, "reason": "年度考核"}
    path = f"/organizations/{settlement.organisation}/deposit/decisions"
    return await settlement.running.post(path, settlement.who(ENTRY), body | said)


async def step(settlement: Settlement, decision_id: str, what: str, role: Role, **body: Any) -> httpx.Response:
    return await settlement.running.post(f"/deposit-decisions/{decision_id}/{what}", settlement.who(role), body)


async def approved(settlement: Settlement, outcome: str, fen: int) -> str:
    entered = await decide(settlement, outcome, fen)
    assert entered.status_code == 201, entered.text
    decision_id: str = entered.json()["decision_id"]
    answer = await step(settlement, decision_id, "approval", APPROVAL)
    assert answer.status_code == 200, answer.text
    return decision_id


async def pay(settlement: Settlement, decision_id: str) -> httpx.Response:
    today = settlement.running.clock.today().isoformat()
    return await step(settlement, decision_id, "payment", CASHIER, bank_reference="D1", paid_on=today)


async def stands(settlement: Settlement) -> dict[str, int]:
    path = f"/organizations/{settlement.organisation}/deposit"
    answer = await settlement.running.get(path, settlement.who(Role.AUDITOR))
    assert answer.status_code == 200, answer.text
    (year,) = answer.json()["years"]
    return {name.removesuffix("_fen"): fen for name, fen in year.items() if name != "year" and fen}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_transfer_leaves_its_deposit_and_the_payment_stays_whole(settlement: Settlement) -> None:
    statement = await settlement.approved()
    path = f"/statements/{statement['statement_id']}/transfer"
    due = (await settlement.running.get(path, settlement.who(CASHIER))).json()
    assert (due["fund_fen"], due["deposit_fen"], due["transfer_fen"]) == (8_000, 400, 7_600)
    paid = (await settlement.pay(statement["statement_id"])).json()
    assert (paid["transfer_fen"], paid["deposit_fen"]) == (7_600, 400)
    assert code_of(await settlement.running.get(path, settlement.who(CASHIER))) == (409, "statement.wrong_status")
    (settled,) = await settlement.running.told(PaymentSettled)
    (kept,) = await settlement.running.told(DepositWithheld)
    assert settled.fund_fen == 8_000
    assert (kept.amount_fen, kept.county, kept.category, kept.bank_reference) == (400, COUNTY, "employee", "B1")
    assert await stands(settlement) == {"withheld": 400, "open": 400}


async def test_where_nothing_says_so_nothing_is_withheld(deploy: Deploy) -> None:
    settlement = await deployed(deploy)
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    statement = await settlement.approved()
    assert (await settlement.pay(statement["statement_id"])).json()["transfer_fen"] == 8_000
    assert not await settlement.running.told(DepositWithheld)


async def test_what_a_transfer_takes_back_lowers_what_is_withheld(settlement: Settlement) -> None:
    july = settlement.visit(at(5))
    await settlement.hear(july)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.approved("2026-08")
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(at(2, month=10))
    due = await settlement.approved("2026-09")
    paid = (await settlement.pay(due["statement_id"], "B2")).json()
    assert (paid["transfer_fen"], paid["deposit_fen"]) == (7_600, 400)


async def test_a_release_is_entered_approved_and_paid_by_three(settlement: Settlement) -> None:
    await settlement.paid()
    decision_id = (await decide(settlement, "release", 300)).json()["decision_id"]
    running = settlement.running
    own = settlement.who(APPROVAL, subject=f"{ENTRY}@211100")
    assert code_of(await running.post(f"/deposit-decisions/{decision_id}/approval", own, {})) == (
        403, "post.not_separated",
    )  # fmt: skip
    await step(settlement, decision_id, "approval", APPROVAL)
    assert not await running.told(DepositReleased)
    decider = settlement.who(CASHIER, subject=f"{APPROVAL}@211100")
    body = {"bank_reference": "D1", "paid_on": "2026-08-02"}
    assert (await running.post(f"/deposit-decisions/{decision_id}/payment", decider, body)).status_code == 403
    assert (await pay(settlement, decision_id)).json()["status"] == "paid"
    (told,) = await running.told(DepositReleased)
    assert (told.amount_fen, told.county, told.bank_reference) == (300, COUNTY, "D1")
    assert await stands(settlement) == {"withheld": 400, "released": 300, "open": 100}


async def test_what_is_forfeited_is_told_with_the_approval_and_without_the_words_of_its_reason(
    settlement: Settlement,
) -> None:
    await settlement.paid()
    decision_id = await approved(settlement, "forfeiture", 150)
    (told,) = await settlement.running.told(DepositForfeited)
    assert told.amount_fen == 150
    assert "年度考核" not in told.model_dump_json()
    assert code_of(await pay(settlement, decision_id)) == (409, "deposit.wrong_status")
    assert await stands(settlement) == {"withheld": 400, "forfeited": 150, "open": 250}


async def test_no_more_is_decided_than_stands(settlement: Settlement) -> None:
    await settlement.paid()
    refused = await decide(settlement, "release", 401)
    assert (*code_of(refused), refused.json()["open_fen"]) == (422, "deposit.exceeds_open", 400)
    assert code_of(await decide(settlement, "release", 1, year=2025)) == (422, "deposit.exceeds_open")
    entered = [(await decide(settlement, "release", 250)).json()["decision_id"] for _ in range(3)]
    answers = await asyncio.gather(*(step(settlement, each, "approval", APPROVAL) for each in entered))
    assert sorted(each.status_code for each in answers) == [200, 422, 422]


async def test_an_approved_release_that_was_not_paid_may_be_sent_back(settlement: Settlement) -> None:
    await settlement.paid()
    decision_id = await approved(settlement, "release", 400)
    sent = await step(settlement, decision_id, "rejection", APPROVAL, reason="账户有误")
    assert sent.json()["status"] == "rejected"
    assert await stands(settlement) == {"withheld": 400, "open": 400}
    assert code_of(await pay(settlement, decision_id)) == (409, "deposit.wrong_status")


async def test_a_returned_transfer_takes_its_deposit_along(settlement: Settlement) -> None:
    statement = await settlement.paid()
    body = {"bank_reference": "R1", "returned_on": "2026-08-02", "reason": "户名不符"}
    returned = await settlement.step(statement["statement_id"], "return", CASHIER, **body)
    assert returned.json()["transfer_fen"] == 7_600
    (told,) = await settlement.running.told(DepositReturned)
    assert (told.amount_fen, told.bank_reference) == (400, "R1")
    assert await stands(settlement) == {"withheld": 400, "returned": 400}
    await settlement.paid()
    assert await stands(settlement) == {"withheld": 800, "returned": 400, "open": 400}


async def send_back(settlement: Settlement, statement_id: str) -> httpx.Response:
    body = {"bank_reference": "R1", "returned_on": "2026-08-02", "reason": "户名不符"}
    return await settlement.step(statement_id, "return", CASHIER, **body)


async def test_what_was_drawn_of_a_returned_transfer_is_owed_and_taken_off_the_next_deposit(
    settlement: Settlement,
) -> None:
    statement = await settlement.paid()
    await pay(settlement, await approved(settlement, "release", 300))
    await approved(settlement, "forfeiture", 1)
    returned = await send_back(settlement, statement["statement_id"])
    assert (returned.status_code, returned.json()["transfer_fen"]) == (200, 7_600)
    (told,) = await settlement.running.told(DepositReturned)
    assert told.amount_fen == 400
    assert await stands(settlement) == {
        "withheld": 400, "returned": 400, "released": 300, "forfeited": 1, "owed": 301,
    }  # fmt: skip
    assert code_of(await decide(settlement, "release", 1)) == (422, "deposit.exceeds_open")
    await settlement.paid()
    assert await stands(settlement) == {
        "withheld": 800, "returned": 400, "released": 300, "forfeited": 1, "open": 99,
    }  # fmt: skip


async def test_a_transfer_comes_back_once_a_release_of_its_deposit_is_paid_or_sent_back(
    settlement: Settlement,
) -> None:
    statement = await settlement.paid()
    decision_id = await approved(settlement, "release", 1)
    refused = await send_back(settlement, statement["statement_id"])
    assert (*code_of(refused), refused.json()["decision_id"]) == (409, "deposit.release_unpaid", decision_id)
    await step(settlement, decision_id, "rejection", APPROVAL, reason="退汇")
    assert (await send_back(settlement, statement["statement_id"])).status_code == 200
    assert await stands(settlement) == {"withheld": 400, "returned": 400}


async def test_the_history_says_what_happened_and_why(settlement: Settlement) -> None:
    statement = await settlement.paid()
    decision_id = await approved(settlement, "forfeiture", 100)
    path = f"/organizations/{settlement.organisation}/deposit/history"
    answer = (await settlement.running.get(path, settlement.who(Role.AUDITOR))).json()
    assert [(each["cause"], each["cause_id"], each["amount_fen"]) for each in answer["moves"]] == [
        ("forfeiture", decision_id, -100),
        ("withheld", statement["statement_id"], 400),
    ]
    assert answer["next"] is None
    listed = await settlement.running.get("/deposit-decisions", settlement.who(Role.AUDITOR), status="approved")
    assert [each["decision_id"] for each in listed.json()] == [decision_id]


async def test_who_may_see_and_decide(settlement: Settlement) -> None:
    await settlement.paid()
    decision_id = (await decide(settlement, "release", 1)).json()["decision_id"]
    path, running = f"/organizations/{settlement.organisation}/deposit", settlement.running
    asked = [
        (settlement.who(Role.PROVIDER_STAFF, organisation=settlement.organisation), 200),
        (settlement.who(Role.PROVIDER_STAFF, organisation=new_id()), 404),
        (settlement.who(Role.AUDITOR, region="211122"), 404),
        (settlement.who(Role.INSURED_PERSON, person=settlement.person), 403),
    ]
    for each in (path, f"{path}/history"):
        assert [(await running.get(each, who)).status_code for who, _ in asked] == [status for _, status in asked]
    other = settlement.who(APPROVAL, region="330300")
    assert (await running.post(f"/deposit-decisions/{decision_id}/approval", other, {})).status_code == 404
    assert (await running.get("/deposit-decisions", settlement.who(Role.AUDITOR, region="330300"))).json() == []


async def test_the_database_lets_no_more_be_drawn_than_was_withheld(settlement: Settlement) -> None:
    await settlement.paid()
    more = (
        "INSERT INTO deposit_draw (id, deposit_id, cause, cause_id, amount_fen, recorded_at)"
        " SELECT gen_random_uuid(), id, 'release', id, :fen, now() FROM deposit"
    )
    for fen in (401, -1):
        with pytest.raises(DBAPIError, match="never_more_than_withheld"):
            async with settlement.running.database.engine.begin() as connection:
                await connection.execute(text(more), {"fen": fen})
    for statement in (
        "UPDATE deposit SET drawn_fen = 1",
        "DELETE FROM deposit",
        "UPDATE deposit_decision SET year = 1",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with settlement.running.database.engine.begin() as connection:
                await connection.execute(text(statement))
