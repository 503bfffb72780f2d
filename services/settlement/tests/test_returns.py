"""A transfer that the bank sent back is told back to the fen, and its months are settled anew."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from changhu_common.events.care import ServiceVoided
from changhu_common.events.settlement import PaymentReversed, PaymentSettled
from changhu_common.roles import Role
from sqlalchemy import text

from services.settlement.tests.settlement_story import APPROVAL, CASHIER, Settlement, again, at, deployed
from tests.support.running import Deploy

AUGUST, SEPTEMBER, OCTOBER = at(2, month=8), at(2, month=9), at(2, month=10)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    """A July with one visit that the fund pays 80 yuan of, and August has begun."""
    settlement = await deployed(deploy)
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    return settlement


async def send_back(settlement: Settlement, statement_id: str, **said: Any) -> httpx.Response:
    usual = {"bank_reference": "R1", "returned_on": settlement.running.clock.today().isoformat(), "reason": "户名不符"}
    return await settlement.step(statement_id, "return", CASHIER, **usual | said)


async def net_fen(settlement: Settlement) -> Counter[str]:
    """What was paid and did not come back, by month of service."""
    fen: Counter[str] = Counter()
    for each in await settlement.running.told(PaymentSettled, PaymentReversed):
        fen[each.service_month] += each.fund_fen if isinstance(each, PaymentSettled) else -each.fund_fen
    return fen


async def test_a_returned_transfer_is_told_back_payment_by_payment(settlement: Settlement) -> None:
    statement = await settlement.paid()
    answer = await send_back(settlement, statement["statement_id"])
    assert (answer.status_code, answer.json()["transfer_fen"], answer.json()["payments"]) == (200, 8_000, 1)
    (settled,) = await settlement.running.told(PaymentSettled)
    (reversed_,) = await settlement.running.told(PaymentReversed)
    assert (reversed_.payment_id, reversed_.fund_fen, reversed_.bank_reference) == (settled.payment_id, 8_000, "R1")
    told = (await settlement.statement(statement["statement_id"]))["statement"]
    assert (told["status"], told["return_reason"], told["bank_reference"]) == ("returned", "户名不符", "B1")


async def test_what_came_back_is_closed_and_paid_anew(settlement: Settlement) -> None:
    first = await settlement.paid()
    await send_back(settlement, first["statement_id"])
    second = await settlement.paid()
    assert (second["fund_fen"], second["adjustments"]) == (8_000, 0)
    old, new = await settlement.running.told(PaymentSettled)
    assert old.payment_id != new.payment_id
    assert await net_fen(settlement) == {"2026-07": 8_000}


async def test_all_that_one_transfer_settled_comes_back_together(settlement: Settlement) -> None:
    july = settlement.visit(at(5))
    await settlement.hear(july)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(SEPTEMBER)
    owed = await settlement.approved("2026-08")
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(OCTOBER)
    due = await settlement.approved("2026-09")
    await settlement.pay(due["statement_id"], "B2")
    answer = (await send_back(settlement, due["statement_id"])).json()
    assert (answer["transfer_fen"], answer["returned"]) == (8_000, [owed["statement_id"], due["statement_id"]])
    assert sorted(each.fund_fen for each in await settlement.running.told(PaymentReversed)) == [-8_000, 16_000]
    assert await net_fen(settlement) == {"2026-07": 16_000, "2026-09": 0}


async def test_a_month_closed_anew_leaves_to_later_statements_what_they_hold(settlement: Settlement) -> None:
    first = await settlement.paid()
    await settlement.hear(settlement.visit(at(4), {"LC01": 3}), settlement.visit(at(1, month=8)))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    await send_back(settlement, first["statement_id"])
    anew = await settlement.paid()
    assert (anew["month"], anew["fund_fen"]) == ("2026-07", 8_000)
    assert await net_fen(settlement) == {"2026-07": 12_800, "2026-08": 8_000}


async def test_what_a_later_statement_took_back_of_a_returned_one_is_given_again(settlement: Settlement) -> None:
    july = settlement.visit(at(5))
    await settlement.hear(july)
    first = await settlement.paid()
    await settlement.hear(again(ServiceVoided, july), settlement.visit(at(1, month=8), {"LC12": 2}))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    await send_back(settlement, first["statement_id"])
    await settlement.paid()
    assert await net_fen(settlement) == {"2026-07": 8_000, "2026-08": 16_000}


async def test_of_two_who_press_at_once_one_records_the_return(settlement: Settlement) -> None:
    statement = await settlement.paid()
    answers = await asyncio.gather(*(send_back(settlement, statement["statement_id"]) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert len(await settlement.running.told(PaymentReversed)) == 1


async def test_only_a_paid_statement_comes_back(settlement: Settlement) -> None:
    statement = await settlement.approved()
    refused = await send_back(settlement, statement["statement_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "statement.wrong_status")


async def test_a_transfer_of_nothing_cannot_come_back(settlement: Settlement) -> None:
    july = settlement.visit(at(5))
    await settlement.hear(july)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july), settlement.visit(at(1, month=8)))
    settlement.running.advance_to(SEPTEMBER)
    statement = await settlement.paid("2026-08")
    refused = await send_back(settlement, statement["statement_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "statement.nothing_transferred")


@pytest.mark.parametrize("day", ["2026-08-01", "2026-08-03"])
async def test_a_return_lies_between_the_payment_and_today(settlement: Settlement, day: str) -> None:
    statement = await settlement.paid()
    refused = await send_back(settlement, statement["statement_id"], returned_on=day)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "returned_on")
    assert not await settlement.running.told(PaymentReversed)


async def test_a_cashier_records_it_and_nobody_who_decided_of_the_statement(settlement: Settlement) -> None:
    path = f"/statements/{(await settlement.paid())['statement_id']}/return"
    body = {"bank_reference": "R1", "returned_on": "2026-08-02", "reason": "户名不符"}

    async def code(who: dict[str, str]) -> int:
        return (await settlement.running.post(path, who, body)).status_code

    assert await code(settlement.who(APPROVAL)) == 403
    assert await code(settlement.who(CASHIER, subject=f"{APPROVAL}@211100")) == 403
    assert await code(settlement.who(CASHIER, region="330300")) == 404


async def test_whoever_returned_what_and_why_is_kept(settlement: Settlement) -> None:
    statement = await settlement.paid()
    await send_back(settlement, statement["statement_id"])
    query = text("SELECT actor, after FROM audit WHERE action = 'return' AND subject_id = :id")
    async with settlement.running.database.read() as connection:
        (row,) = (await connection.execute(query, {"id": statement["statement_id"]})).all()
    assert (row.actor, row.after["return_reason"]) == (f"{Role.CASHIER}@211100", "户名不符")
