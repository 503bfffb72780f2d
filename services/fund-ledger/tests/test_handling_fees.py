"""What an insurer is paid is booked where it is borne, out of a budget of its own account."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from changhu_common.events.budget import BudgetExceeded, BudgetReserved
from changhu_common.events.settlement import HandlingFeePaid, StatementApproved, StatementPart
from changhu_common.roles import Role

from tests.support.banks import Moved, registered
from tests.support.banks import told as bank_told
from tests.support.budgets import CARE, approved, executed, in_force, line, rejected, reservation
from tests.support.ledgers import COUNTY, DAY, OTHER_COUNTY, POOL, assert_kept, handling_fee, handling_fee_back, rows
from tests.support.running import Running

FEES = "5401"


@pytest.fixture(autouse=True)
def in_august(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))


def bears(fund_fen: int, county: str = COUNTY, scheme: str | None = "employees") -> StatementPart:
    return StatementPart(county=county, category="none", kind="handling", scheme=scheme, fund_fen=fund_fen, payments=1)


def paid(fee: StatementApproved) -> list[HandlingFeePaid]:
    of_fee = {"statement_id": fee.statement_id, "organization_id": fee.organization_id}
    return [handling_fee(part.fund_fen, county=part.county, scheme=part.scheme, **of_fee) for part in fee.parts]


async def spent(ledger: Running) -> dict[str, tuple[int, int]]:
    """What each account's budget has reserved and spent, in fen."""
    lines = (await executed(ledger))["lines"]
    return {each["account"]: (each["reserved_fen"], each["spent_fen"]) for each in lines}


async def test_a_fee_is_booked_in_the_book_and_scheme_that_bear_it(ledger: Running) -> None:
    fee = approved(bears(700), bears(300, OTHER_COUNTY, "residents"), bears(50, POOL, None))
    await ledger.hear(*paid(fee))
    booked = await rows(ledger, "SELECT account, county, scheme, organization_id, amount_fen::bigint AS fen FROM line")
    assert {(each.account, each.county, each.scheme, each.fen) for each in booked} == {
        (FEES, COUNTY, "employees", 700), ("1003", COUNTY, "employees", -700),
        (FEES, OTHER_COUNTY, "residents", 300), ("1003", OTHER_COUNTY, "residents", -300),
        (FEES, POOL, None, 50), ("1003", POOL, None, -50),
    }  # fmt: skip
    assert {each.organization_id for each in booked} == {fee.organization_id}
    await assert_kept(ledger)


async def test_a_fee_heard_twice_is_booked_once(ledger: Running) -> None:
    fact = handling_fee()
    await ledger.hear(fact, fact)
    await ledger.hear(fact)
    assert len(await rows(ledger, "SELECT FROM journal")) == 1


async def test_a_correction_takes_back_what_was_booked_too_much(ledger: Running) -> None:
    await ledger.hear(handling_fee(500), handling_fee(-120))
    who = ledger.token(Role.AUDITOR)
    answer = await ledger.get(f"/pools/{POOL}/reports/income-statement", who, since="2026-01-01", until="2026-12-31")
    (group,) = answer.json()["groups"]
    assert {each["account"]: each["fen"] for each in group["rows"]} == {FEES: 380}


async def test_a_fee_draws_on_the_budget_of_its_own_account_and_not_on_that_of_care(ledger: Running) -> None:
    await in_force(ledger, line(1_000, CARE), line(600, FEES))
    fee = approved(bears(400), bears(100, POOL, None))
    await ledger.hear(fee)
    (said,) = await ledger.told(BudgetReserved)
    assert (said.statement_id, said.fund_fen, said.basis) == (fee.statement_id, 500, "within_budget")
    assert await spent(ledger) == {CARE: (0, 0), FEES: (500, 0)}
    await ledger.hear(*paid(fee))
    assert await spent(ledger) == {CARE: (0, 0), FEES: (0, 500)}
    assert (await reservation(ledger, fee.statement_id))["status"] == "settled"


async def test_a_fee_that_does_not_fit_waits_and_is_free_again_when_it_is_sent_back(ledger: Running) -> None:
    await in_force(ledger, line(1_000, CARE), line(600, FEES))
    big = approved(bears(601))
    await ledger.hear(big)
    (said,) = await ledger.told(BudgetExceeded)
    assert [(each.account, each.asked_fen, each.free_fen) for each in said.short] == [(FEES, 601, 600)]
    await ledger.hear(rejected(big))
    assert (await reservation(ledger, big.statement_id))["status"] == "released"


async def test_a_correction_below_zero_asks_for_nothing_and_frees_the_budget_when_it_is_paid(ledger: Running) -> None:
    await in_force(ledger, line(600, FEES))
    fee, back = approved(bears(600)), approved(bears(-200))
    await ledger.hear(fee, *paid(fee), back)
    assert (await reservation(ledger, back.statement_id))["status"] == "reserved"
    await ledger.hear(*paid(back))
    assert await spent(ledger) == {FEES: (0, 400)}


async def test_a_fee_that_came_back_is_not_spent_and_whoever_waits_is_tried_again(ledger: Running) -> None:
    await in_force(ledger, line(600, FEES))
    fee, anew = approved(bears(500), bears(100, POOL, None)), approved(bears(600))
    moved = paid(fee)
    await ledger.hear(fee, *moved, anew)
    assert (await reservation(ledger, anew.statement_id))["status"] == "waiting"
    await ledger.hear(*(handling_fee_back(each) for each in moved))
    assert (await reservation(ledger, anew.statement_id))["status"] == "reserved"
    assert await spent(ledger) == {FEES: (600, 0)}
    await assert_kept(ledger)


async def test_the_banks_line_finds_all_of_a_fee_that_came_back(ledger: Running) -> None:
    account = await registered(ledger)
    moved = paid(approved(bears(700), bears(300, OTHER_COUNTY)))
    await ledger.hear(*moved, *(handling_fee_back(each) for each in moved))
    lines = [Moved(DAY, -1_000, reference="HF-1"), Moved(date(2026, 7, 21), 1_000, reference="R-1")]
    await bank_told(ledger, account, lines)
    answer: Any = await ledger.get(f"/pools/{POOL}/matches", ledger.token(Role.ACCOUNTANT))
    assert [(each["rule"], len(each["entries"])) for each in answer.json()] == [("entries_of_reference", 2)] * 2


async def test_the_banks_line_finds_all_that_one_transfer_paid(ledger: Running) -> None:
    account = await registered(ledger)
    fee = approved(bears(700), bears(300, OTHER_COUNTY))
    await ledger.hear(*paid(fee))
    await bank_told(ledger, account, [Moved(DAY, -1_000, reference="HF-1")])
    answer: Any = await ledger.get(f"/pools/{POOL}/matches", ledger.token(Role.ACCOUNTANT))
    (match,) = answer.json()
    assert (match["rule"], len(match["entries"])) == ("entries_of_reference", 2)


async def test_a_month_of_fees_is_told_apart_from_a_month_of_care(ledger: Running) -> None:
    await ledger.hear(handling_fee(paid_on=date(2026, 7, 31)))
    (journal,) = await rows(ledger, "SELECT title, source FROM journal")
    assert (journal.title, journal.source) == ("支付经办服务费", "handling_fee.paid")
