"""Money that really came back is booked where it was paid from, and is free in the budget again, to the fen."""

import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from changhu_common.events import Event
from changhu_common.events.budget import BudgetExceeded, BudgetReleased
from changhu_common.events.settlement import (
    DepositForfeited,
    DepositReleased,
    DepositReturned,
    DepositWithheld,
    PaymentReversed,
    PaymentSettled,
    RecoveryReceived,
    RecoveryWrittenOff,
    StatementApproved,
    WrittenOff,
)
from changhu_common.ids import new_id

from tests.support.budgets import approved, care, in_force, line, paid, part, reservation
from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, assert_kept, balances, reversal
from tests.support.running import Running


@pytest.fixture(autouse=True)
def _in_july(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 7, 20, 2, 0, tzinfo=UTC))


def came_back(payment: PaymentSettled, **said: Any) -> PaymentReversed:
    """The transfer of a payment was sent back on the next day."""
    copied = ("payment_id", "person_id", "organization_id", "county", "category", "fund_fen")
    usual = {"returned_on": date(2026, 7, 21), "bank_reference": "R1"}
    return reversal(**usual | {name: getattr(payment, name) for name in copied} | said)


def came_in(statement: StatementApproved, fund_fen: int, *, payments: int = 0, **said: Any) -> RecoveryReceived:
    usual: dict[str, Any] = {"county": COUNTY, "category": "employee", "received_on": date(2026, 7, 20)}
    return RecoveryReceived(
        part_id=new_id(),
        receipt_id=new_id(),
        recovery_id=new_id(),
        statement_id=statement.statement_id,
        organization_id=statement.organization_id,
        pool=POOL,
        fund_fen=fund_fen,
        payments=payments,
        **usual | {"bank_reference": "R1"} | said,
    )


async def test_what_came_back_is_not_spent_and_the_new_statement_asks_for_all_of_it(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first, second = approved(600), approved(600)
    payment = paid(first)
    await ledger.hear(first, payment)
    assert await care(ledger) == (1_000, 0, 600, 400)
    await ledger.hear(came_back(payment))
    assert await care(ledger) == (1_000, 0, 0, 1_000)
    await ledger.hear(second)
    assert await care(ledger) == (1_000, 600, 0, 400)
    await ledger.hear(paid(second))
    assert await care(ledger) == (1_000, 0, 600, 400)


async def test_what_waits_is_tried_again_when_a_transfer_comes_back(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first, second = approved(600), approved(600)
    payment = paid(first)
    await ledger.hear(first, payment, second)
    assert (await reservation(ledger, second.statement_id))["status"] == "waiting"
    await ledger.hear(came_back(payment))
    assert (await reservation(ledger, second.statement_id))["status"] == "reserved"


async def test_a_transfer_that_comes_back_while_others_of_its_statement_are_still_to_be_told(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(part(900, payments=2))
    first, second = paid(statement, 400), paid(statement, 500)
    await ledger.hear(statement, first, came_back(first))
    assert await care(ledger) == (1_000, 500, 0, 500)
    await ledger.hear(second, came_back(second))
    assert await care(ledger) == (1_000, 0, 0, 1_000)
    assert (await reservation(ledger, statement.statement_id))["status"] == "settled"


async def test_money_of_a_recovery_lowers_what_was_spent_and_settles_its_statement(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    spent, owed = approved(900), approved(part(-600), part(100, county=OTHER_COUNTY))
    await ledger.hear(spent, paid(spent), owed)
    assert await care(ledger) == (1_000, 100, 900, 0)
    await ledger.hear(came_in(owed, 240), came_in(owed, -40, county=OTHER_COUNTY))
    # What it takes back is free only when everything of it is settled, as with an offset.
    assert await care(ledger) == (1_000, 300, 700, 0)
    await ledger.hear(came_in(owed, 360, payments=1), came_in(owed, -60, payments=1, county=OTHER_COUNTY))
    assert await care(ledger) == (1_000, 0, 400, 600)
    assert (await reservation(ledger, owed.statement_id))["status"] == "settled"
    (released,) = await ledger.told(BudgetReleased)
    assert (released.fund_fen, released.reason) == (600, "settled")


async def test_what_came_in_last_year_takes_nothing_of_this_years_budget(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await in_force(ledger, line(1_000), year=2027)
    owed = approved(part(-500), part(100, county=OTHER_COUNTY))
    await ledger.hear(owed, came_in(owed, 400), came_in(owed, -80, county=OTHER_COUNTY))
    assert await care(ledger) == (1_000, 420, -320, 900)
    ledger.advance_to(datetime(2027, 2, 1, 2, 0, tzinfo=UTC))
    assert await care(ledger, 2027) == (1_000, 20, 0, 980)
    this_year = approved(980, decided_on=date(2027, 2, 1))
    await ledger.hear(this_year)
    assert (await reservation(ledger, this_year.statement_id))["status"] == "reserved"
    day = {"received_on": date(2027, 2, 1)}
    rest = came_in(owed, -20, payments=1, county=OTHER_COUNTY, **day)
    await ledger.hear(came_in(owed, 60, **day), came_in(owed, 40, payments=1, **day), rest)
    assert await care(ledger, 2027) == (1_000, 980, -80, 100)
    (released,) = await ledger.told(BudgetReleased)
    assert released.fund_fen == 100


async def test_what_is_taken_back_of_a_full_receipt_asks_the_budget_anew(ledger: Running) -> None:
    await in_force(ledger, line(1_000, county=COUNTY), line(100, county=OTHER_COUNTY))
    owed, other = approved(part(-600), part(100, county=OTHER_COUNTY)), approved(part(100, county=OTHER_COUNTY))

    async def moves(sign: int) -> str:
        offset = came_in(owed, -100 * sign, payments=sign, county=OTHER_COUNTY)
        await ledger.hear(came_in(owed, 600 * sign, payments=sign), offset)
        return str((await reservation(ledger, owed.statement_id))["status"])

    await ledger.hear(owed)
    assert [await moves(1), await moves(-1)] == ["settled", "reserved"]
    await ledger.hear(other)
    assert (await reservation(ledger, other.statement_id))["status"] == "waiting"
    assert await moves(1) == "settled"
    assert await care(ledger) == (1_100, 0, -500, 1_600)


async def test_what_was_taken_back_waits_where_others_are_before_it(ledger: Running) -> None:
    await in_force(ledger, line(100))
    first, other = approved(100), approved(100, decided_on=date(2026, 7, 9))
    await ledger.hear(first, came_in(first, -100, payments=1), other)
    taken_back = came_in(first, 100, payments=-1)
    await ledger.hear(taken_back)
    assert [(await reservation(ledger, each.statement_id))["status"] for each in (first, other)] == [
        "waiting", "reserved",
    ]  # fmt: skip
    assert [each.statement_id for each in await ledger.told(BudgetExceeded)] == [other.statement_id, first.statement_id]
    # What happened is booked all the same, and then nothing waits for it any more.
    await ledger.hear(came_in(first, -100, payments=1))
    assert (await reservation(ledger, first.statement_id))["status"] == "settled"
    assert await care(ledger) == (100, 100, 100, -100)


def given_up(statement: StatementApproved, *parts: tuple[str, int]) -> RecoveryWrittenOff:
    """What is open in these counties will not come in."""
    said: dict[str, Any] = {"statement_id": statement.statement_id, "category": "employee", "payments": 1}
    return RecoveryWrittenOff(
        recovery_id=new_id(),
        organization_id=statement.organization_id,
        pool=POOL,
        amount_fen=sum(fen for _, fen in parts),
        written_off_on=date(2026, 7, 20),
        parts=tuple(WrittenOff(county=county, fund_fen=fen, **said) for county, fen in parts),
    )


async def test_what_is_written_off_of_a_recovery_is_held_no_longer_and_moves_no_money(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    spent, owed, waits = approved(900), approved(part(-600), part(100, county=OTHER_COUNTY)), approved(150)
    await ledger.hear(spent, paid(spent), owed, came_in(owed, 240), came_in(owed, -40, county=OTHER_COUNTY), waits)
    assert (await reservation(ledger, waits.statement_id))["status"] == "waiting"
    await ledger.hear(given_up(owed, (COUNTY, 360), (OTHER_COUNTY, -60)))
    assert (await reservation(ledger, owed.statement_id))["status"] == "settled"
    assert (await reservation(ledger, waits.statement_id))["status"] == "reserved"
    assert await care(ledger) == (1_000, 150, 700, 150)
    assert await balances(ledger, on="2026-12-31") == {"1003": -700, "5001": 700}


async def test_a_write_off_told_twice_and_before_its_statement_ends_it(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    owed = approved(part(-600), part(100, county=OTHER_COUNTY))
    end = given_up(owed, (COUNTY, 360), (OTHER_COUNTY, -60))
    for event in (end, came_in(owed, 240), end, owed, came_in(owed, -40, county=OTHER_COUNTY), owed):
        await ledger.hear(event)
    assert (await reservation(ledger, owed.statement_id))["status"] == "settled"
    assert await care(ledger) == (1_000, 0, -200, 1_200)


async def test_a_recovery_is_booked_in_its_counties_and_matches_one_receipt(ledger: Running) -> None:
    owed = approved(part(-600), part(100, county=OTHER_COUNTY))
    await ledger.hear(owed, came_in(owed, 600), came_in(owed, -100, county=OTHER_COUNTY))
    assert await balances(ledger, on="2026-12-31") == {"1003": 500, "5001": -500}


async def test_money_back_doubled_and_shuffled_makes_the_same_books(ledger: Running) -> None:
    statement, owed = approved(part(900, payments=2)), approved(part(-700))
    payments = [paid(statement, 400), paid(statement, 500)]
    told: list[Event] = [statement, owed, *payments, *map(came_back, payments)]
    told += [came_in(owed, 300), came_in(owed, 400, payments=1)]
    again = told * 2
    random.Random(7).shuffle(again)
    for event in again:
        await ledger.hear(event)
    await assert_kept(ledger)
    assert await balances(ledger, on="2026-12-31") == {"1003": 700, "5001": -700}
    assert {(await reservation(ledger, each.statement_id))["status"] for each in (statement, owed)} == {"settled"}


async def test_a_deposit_is_owed_until_it_is_released_or_the_funds_own(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(1_000)
    said: dict[str, Any] = {
        "organization_id": statement.organization_id,
        "pool": POOL,
        "county": COUNTY,
        "category": "employee",
    }
    day, bank = date(2026, 7, 20), {"bank_reference": "B1"}
    kept = [
        DepositWithheld(deposit_id=new_id(), statement_id=new_id(), withheld_on=day, amount_fen=fen, **said | bank)
        for fen in (50, 20)
    ]
    await ledger.hear(statement, paid(statement), *kept)
    assert await balances(ledger, on="2026-12-31") == {"1003": -930, "2001": -70, "5001": 1_000}
    ends = {"decision_id": new_id(), **said}
    await ledger.hear(
        DepositReturned(deposit_id=kept[1].deposit_id, returned_on=day, amount_fen=20, **said | bank),
        DepositReleased(part_id=new_id(), released_on=day, amount_fen=30, **ends | bank),
        DepositForfeited(part_id=new_id(), forfeited_on=day, amount_fen=20, **ends),
    )
    assert await balances(ledger, on="2026-12-31") == {"1003": -980, "2001": 0, "5001": 980}
    # What is forfeited was not spent in the end.
    assert await care(ledger) == (1_000, 0, 980, 20)
