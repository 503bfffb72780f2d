"""No statement is paid beyond the budget: it reserves what it will pay, or waits and says what is short."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from changhu_common.events.budget import BudgetAnswer, BudgetExceeded, BudgetReleased, BudgetReserved
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.settlement import StatementPart
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.usecases.reservations import Reservations

from tests.support.budgets import CARE, approved, care, executed, in_force, line, paid, part, rejected, reservation
from tests.support.ledgers import COUNTY, OTHER_COUNTY, payment, reversal, rows
from tests.support.running import Running

JULY = datetime(2026, 7, 20, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_july(ledger: Running) -> None:
    ledger.advance_to(JULY)


async def answers(ledger: Running) -> list[tuple[str, int]]:
    return [(each.TYPE, each.fund_fen) for each in await ledger.told(BudgetAnswer)]


def supplied(parameter: str, value: Any) -> PolicyValueApproved:
    return PolicyValueApproved(
        value_id=new_id(),
        pool="211100",
        parameter=parameter,
        value=value,
        start=date(2026, 1, 1),
        source="预算管理办法",
        entered_by="a",
        approved_by="b",
        approved_at=JULY,
    )


async def test_what_is_reserved_is_held_until_payments_that_come_to_nothing_are_settled_too(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(part(0, county=OTHER_COUNTY, payments=2), part(900, payments=2))
    await ledger.hear(statement)
    await ledger.hear(*(paid(statement, fen, county=OTHER_COUNTY) for fen in (100, -100)))
    assert await care(ledger) == (1_000, 900, 0, 100)
    await ledger.hear(paid(statement, 400), paid(statement, 500))
    assert await care(ledger) == (1_000, 0, 900, 100)


async def test_what_fits_is_reserved_and_spent_by_its_payment(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(600)
    await ledger.hear(statement)
    assert await care(ledger) == (1_000, 600, 0, 400)
    (told,) = await ledger.told(BudgetReserved)
    assert (told.statement_id, told.fund_fen, told.basis, told.revision) == (
        statement.statement_id, 600, "within_budget", 1,
    )  # fmt: skip
    await ledger.hear(paid(statement))
    assert await care(ledger) == (1_000, 0, 600, 400)
    assert (await reservation(ledger, statement.statement_id))["status"] == "settled"


async def test_what_does_not_fit_waits_and_says_what_is_short(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await ledger.hear(approved(600))
    big = approved(500)
    await ledger.hear(big)
    (told,) = await ledger.told(BudgetExceeded)
    assert [(e.account, e.county, e.asked_fen, e.free_fen) for e in told.short] == [(CARE, None, 500, 400)]
    assert await care(ledger) == (1_000, 600, 0, 400)
    waits = await reservation(ledger, big.statement_id)
    assert (waits["status"], waits["status_text"]) == ("waiting", "超预算，等待放行或调整预算")


async def test_fees_and_care_of_one_statement_are_held_on_their_own_lines(ledger: Running) -> None:
    await in_force(ledger, line(1_000), line(300, account="5401"))
    statement = approved(part(900), part(300, kind="assessment"))
    await ledger.hear(statement)
    assert await answers(ledger) == [("budget.reserved", 1_200)]
    await ledger.hear(paid(statement, 300, kind="assessment"))
    assert await care(ledger) == (1_300, 900, 300, 100)


async def test_a_fee_that_its_line_cannot_bear_waits_whatever_is_left_for_care(ledger: Running) -> None:
    await ledger.hear(supplied("budget.hard_stop", "stops"))
    await in_force(ledger, line(10_000), line(300, account="5401"))
    await ledger.hear(approved(part(301, kind="assessment")))
    (told,) = await ledger.told(BudgetExceeded)
    assert [(each.account, each.asked_fen, each.free_fen) for each in told.short] == [("5401", 301, 300)]


async def test_a_smaller_one_behind_it_is_not_held_up(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await ledger.hear(approved(1_001), approved(1_000))
    assert await answers(ledger) == [("budget.exceeded", 1_001), ("budget.reserved", 1_000)]


async def test_without_a_budget_everything_is_reserved_and_says_so(ledger: Running) -> None:
    await ledger.hear(approved(10**12))
    (told,) = await ledger.told(BudgetReserved)
    assert told.basis == "no_budget"
    assert await care(ledger) == (None, 10**12, 0, None)


async def test_what_no_line_covers_has_a_budget_of_nothing(ledger: Running) -> None:
    await in_force(ledger, line(1_000, county=COUNTY))
    await ledger.hear(approved(part(1, county=OTHER_COUNTY)))
    (told,) = await ledger.told(BudgetExceeded)
    assert [(each.county, each.scheme, each.free_fen) for each in told.short] == [(OTHER_COUNTY, "employees", 0)]


async def test_a_statement_is_reserved_whole_or_not_at_all(ledger: Running) -> None:
    await in_force(ledger, line(1_000, county=COUNTY), line(100, county=OTHER_COUNTY))
    await ledger.hear(approved(part(500), part(101, county=OTHER_COUNTY)))
    assert await care(ledger) == (1_100, 0, 0, 1_100)


async def test_a_statement_without_money_of_the_fund_is_answered_at_once(ledger: Running) -> None:
    await in_force(ledger, line(0))
    nothing = approved()
    await ledger.hear(nothing)
    (told,) = await ledger.told(BudgetReserved)
    assert (told.fund_fen, told.basis) == (0, "nothing_asked")
    assert (await reservation(ledger, nothing.statement_id))["status"] == "settled"


async def test_what_a_statement_takes_back_is_free_only_when_it_is_settled(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first, back = approved(1_000), approved(-300)
    await ledger.hear(first, paid(first), back)
    waiting = approved(200)
    await ledger.hear(waiting)
    assert (await reservation(ledger, waiting.statement_id))["status"] == "waiting"
    await ledger.hear(paid(back))
    assert (await reservation(ledger, waiting.statement_id))["status"] == "reserved"
    assert [(each.fund_fen, each.reason) for each in await ledger.told(BudgetReleased)] == [(300, "settled")]
    assert await care(ledger) == (1_000, 200, 700, 100)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_while_payments_arrive_reserved_and_spent_add_up_to_what_was_asked(
    ledger: Running, order: tuple[int, ...]
) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(part(70, payments=3))
    await ledger.hear(statement)
    settled = [paid(statement, fen) for fen in (100, -80, 50)]
    for number in order:
        await ledger.hear(settled[number])
        budgeted, reserved, spent, _ = await care(ledger)
        assert (budgeted, reserved + spent) == (1_000, 70)
    assert await care(ledger) == (1_000, 0, 70, 930)


async def test_money_that_comes_back_makes_room_for_who_waits(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first, second = approved(1_000), approved(400)
    await ledger.hear(first, paid(first), second)
    await ledger.hear(reversal(400))
    assert (await reservation(ledger, second.statement_id))["status"] == "reserved"
    assert await care(ledger) == (1_000, 400, 600, 0)


async def test_a_rejected_statement_gives_back_what_it_held(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first, second = approved(1_000), approved(400)
    await ledger.hear(first, second)
    await ledger.hear(rejected(first))
    assert (await reservation(ledger, first.statement_id))["status"] == "released"
    assert await care(ledger) == (1_000, 400, 0, 600)
    assert ("budget.released", 1_000) in await answers(ledger)


async def test_a_rejection_that_is_heard_first_holds_too(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(400)
    await ledger.hear(rejected(statement))
    await ledger.hear(statement)
    assert await care(ledger) == (1_000, 0, 0, 1_000)


async def test_a_raised_budget_tries_who_waits_in_the_order_of_approval(ledger: Running) -> None:
    await in_force(ledger, line(100))
    late, early = approved(500, decided_on=date(2026, 7, 12)), approved(600, decided_on=date(2026, 7, 11))
    await ledger.hear(late, early)
    await in_force(ledger, line(1_000))
    assert [(await reservation(ledger, each.statement_id))["status"] for each in (early, late)] == [
        "reserved", "waiting",
    ]  # fmt: skip
    told = (await ledger.told(BudgetExceeded))[-1]
    assert (told.statement_id, told.revision, told.short[0].free_fen) == (late.statement_id, 2, 400)
    await in_force(ledger, line(1_100))
    assert (await reservation(ledger, late.statement_id))["status"] == "reserved"


async def test_an_operator_may_say_that_a_budget_only_informs(ledger: Running) -> None:
    await in_force(ledger, line(100))
    await ledger.hear(supplied("budget.hard_stop", "informs"))
    await ledger.hear(approved(500))
    (told,) = await ledger.told(BudgetReserved)
    assert told.basis == "not_binding"


async def test_a_reservation_that_reaches_the_supplied_level_warns(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await ledger.hear(supplied("budget.warning_level", "80%"))
    await ledger.hear(approved(799))
    await ledger.hear(approved(1))
    assert [each.warned for each in await ledger.told(BudgetReserved)] == [False, True]


async def test_a_statement_told_again_is_reserved_once(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(600)
    await ledger.hear(statement, statement)
    await ledger.hear(statement)
    assert await care(ledger) == (1_000, 600, 0, 400)
    assert len(await ledger.told(BudgetAnswer)) == 1


@pytest.mark.parametrize(
    ("asked", "facts"),
    [
        ([part(600)], "0e06db4cb751a6a9ab8990bf201ede845aa7d8c82ea3d2022ac3bfa4e3ea66d6"),
        ([], "bac25b79d6aa6a57218f3505e9b82f46e4aea6782a0bf030f9bc43a229736e56"),
    ],
)
async def test_a_statement_keeps_the_hash_that_it_had_before_its_parts_were_told_by_kind(
    ledger: Running, asked: list[StatementPart], facts: str
) -> None:
    await ledger.hear(approved(*asked, statement_id=UUID(int=1), organization_id=UUID(int=2)))
    (kept,) = await rows(ledger, "SELECT facts_hash FROM reservation")
    assert kept.facts_hash.hex() == facts


async def test_a_statement_told_again_with_another_amount_is_parked(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(600)
    await ledger.hear(statement)
    await ledger.hear(statement.model_copy(update={"parts": (part(700),), "fund_fen": 700}))
    (parked,) = await rows(ledger, "SELECT error FROM parked")
    assert parked.error.startswith("KeyReused")
    assert await care(ledger) == (1_000, 600, 0, 400)


async def test_what_is_reserved_at_the_years_end_draws_on_the_next_year(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await in_force(ledger, line(700), year=2027)
    await ledger.hear(approved(600))
    ledger.advance_to(datetime(2027, 1, 5, 2, 0, tzinfo=UTC))
    waits = approved(200, decided_on=date(2027, 1, 5))
    await ledger.hear(waits)
    assert (await reservation(ledger, waits.statement_id))["short"][0]["free_fen"] == 100


async def test_what_waits_at_the_years_end_is_tried_against_the_next_years_budget(ledger: Running) -> None:
    schedule = Reservations(ledger.database)
    await schedule.try_new_year()
    await in_force(ledger, line(100))
    fits, late = approved(600), approved(500, decided_on=date(2026, 7, 11))
    await ledger.hear(fits, late)
    await in_force(ledger, line(750), year=2027)
    assert (await reservation(ledger, fits.statement_id))["status"] == "waiting"
    ledger.advance_to(datetime(2027, 1, 1, 2, 0, tzinfo=UTC))
    await schedule.try_new_year()
    await schedule.try_new_year()
    assert (await reservation(ledger, fits.statement_id))["status"] == "reserved"
    waits = await reservation(ledger, late.statement_id)
    assert (waits["status"], waits["draws_on"], waits["short"][0]["free_fen"]) == ("waiting", 2027, 150)
    told = [(each.TYPE, each.year) for each in await ledger.told(BudgetAnswer)]
    assert told[-2:] == [("budget.reserved", 2027), ("budget.exceeded", 2027)]
    assert len(told) == 4


async def test_what_moves_to_the_next_year_is_seen_in_both(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    old = approved(600)
    await ledger.hear(old)
    this_year = await executed(ledger)
    assert (this_year["carried_in_fen"], this_year["carried_out_fen"]) == (0, 0)
    assert (await reservation(ledger, old.statement_id))["draws_on"] == 2026
    ledger.advance_to(datetime(2027, 1, 5, 2, 0, tzinfo=UTC))
    await ledger.hear(approved(50, decided_on=date(2027, 1, 5)))
    went, came = await executed(ledger), await executed(ledger, 2027)
    assert (went["carried_out_fen"], went["carried_in_fen"]) == (600, 0)
    assert (came["carried_in_fen"], came["carried_out_fen"]) == (600, 0)
    assert "6.00 元" in went["notes"][-1]
    assert "6.00 元" in came["notes"][-1]
    who = ledger.token(Role.AUDITOR)
    path = "/pools/211100/reservations"
    (moved,) = (await ledger.get(path, who, status="reserved", approved_before="2027-01-01")).json()
    assert (moved["statement_id"], moved["draws_on"]) == (str(old.statement_id), 2027)
    assert (await ledger.get(path, who, organization_id=str(new_id()))).json() == []


async def test_a_payment_that_nothing_was_reserved_for_is_booked_and_counts(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await ledger.hear(payment(300, paid_on=date(2026, 7, 20)))
    assert await care(ledger) == (1_000, 0, 300, 700)


async def test_no_statement_has_a_status_that_there_is_not(ledger: Running) -> None:
    refused = await ledger.get("/pools/211100/reservations", ledger.token(Role.AUDITOR), status="approved")
    assert (refused.status_code, refused.json()["code"]) == (422, "input.invalid")


async def test_an_unknown_statement_is_not_found(ledger: Running) -> None:
    answer = await ledger.get(f"/reservations/{uuid4()}", ledger.token(Role.AUDITOR))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
