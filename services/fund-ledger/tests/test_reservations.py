"""No statement is paid beyond the budget unless two people let it through, whatever happens at once or again."""

import asyncio
import random
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from changhu_common.events import Envelope, Event
from changhu_common.events.budget import BudgetAnswer, BudgetExceeded, BudgetReleased, BudgetReserved
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.settlement import StatementApproved
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.budgets import (
    CARE,
    approve,
    approved,
    budget,
    care,
    draft,
    executed,
    in_force,
    line,
    paid,
    part,
    rejected,
    release,
    reservation,
)
from tests.support.ledgers import COUNTY, OTHER_COUNTY, assert_kept, contribution, payment, reversal, rows
from tests.support.running import Deploy, Running

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


async def test_of_many_that_ask_at_once_only_as_many_as_fit_are_reserved(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    asked = [approved(70) for _ in range(40)]
    await asyncio.gather(*(ledger.hear(*asked[n : n + 2], contribution(county=COUNTY)) for n in range(0, 40, 2)))
    assert await care(ledger) == (1_000, 980, 0, 20)
    assert len(await ledger.told(BudgetReserved)) == 14
    await assert_kept(ledger)


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


async def test_asking_paying_releasing_and_raising_at_once_keep_the_limit(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    first = [approved(90) for _ in range(20)]
    await ledger.hear(*first)
    waiting = [s for s in first if (await reservation(ledger, s.statement_id))["status"] == "waiting"][:3]
    for each in waiting:
        await release(ledger, each.statement_id, by="zhang", body={"reason": "急"})
    raised = await draft(ledger, budget(line(1_300)))
    await asyncio.gather(
        *(release(ledger, each.statement_id, "/approval", by="li") for each in waiting),
        *(ledger.hear(paid(each), approved(35)) for each in first[:8]),
        approve(ledger, raised),
        *(ledger.hear(approved(45), contribution()) for _ in range(5)),
    )
    budgeted, reserved, spent, _ = await care(ledger)
    through = await rows(ledger, "SELECT sum(fund_fen)::int AS fen FROM reservation WHERE basis = 'let_through'")
    assert budgeted == 1_300
    assert reserved + spent <= 1_300 + (through[0].fen or 0)
    assert not await rows(ledger, "SELECT FROM parked")
    await assert_kept(ledger)


async def held(ledger: Running) -> list[Any]:
    return await rows(
        ledger,
        "SELECT statement_id, account, county, scheme, amount_fen, settled_fen, status"
        " FROM reservation_part JOIN reservation ON id = statement_id ORDER BY 1, 2, 3, 4",
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_same_events_shuffled_and_doubled_leave_the_same_reservations(deploy: Deploy, seed: int) -> None:
    statements = [approved(part(n * 10, payments=2), part(-n, county=OTHER_COUNTY)) for n in range(1, 6)]
    told: list[Event] = [*statements, rejected(statements[0])]
    for statement in statements[1:4]:
        fen = statement.parts[0].fund_fen
        told += [paid(statement, fen - 3), paid(statement, 3), paid(statement, -(fen // 10), county=OTHER_COUNTY)]
    envelopes = [Envelope(id=new_id(), source="test", time=JULY, event=event) for event in told]
    seen = []
    for shuffled in (False, True):
        ledger = await deploy(SERVICE)
        ledger.advance_to(JULY)
        await in_force(ledger, line(10_000))
        heard = envelopes * (1 + shuffled)
        if shuffled:
            random.Random(seed).shuffle(heard)
        for first in range(0, len(heard), 4):
            await ledger.hear(*heard[first : first + 4])
        assert not await rows(ledger, "SELECT FROM parked")
        seen.append((await held(ledger), await care(ledger)))
    assert seen[0] == seen[1]


# What may happen: a statement asks, is paid or rejected, is let through, or the budget is raised.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(-300, 600)),
        st.tuples(st.just("pay"), st.integers(0, 9)),
        st.tuples(st.just("reject"), st.integers(0, 9)),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("raise"), st.integers(1, 400)),
    ),
    min_size=4,
    max_size=16,
)


class History:
    """Plays steps against a ledger with a budget of 1,000 fen, and knows what may stand beyond it."""

    def __init__(self, ledger: Running) -> None:
        self.ledger = ledger
        self.statements: list[StatementApproved] = []
        self.budget_fen = 1_000
        self.let_through_fen = 0

    async def status(self, statement: StatementApproved) -> str:
        return str((await reservation(self.ledger, statement.statement_id))["status"])

    async def play(self, step: str, number: int) -> None:
        if step == "ask":
            self.statements.append(approved(number) if number else approved())
            await self.ledger.hear(self.statements[-1])
        elif step == "raise":
            self.budget_fen += number
            await in_force(self.ledger, line(self.budget_fen))
        elif self.statements:
            await self._of(step, self.statements[number % len(self.statements)])

    async def _of(self, step: str, statement: StatementApproved) -> None:
        status = await self.status(statement)
        if step == "pay" and status == "reserved":
            await self.ledger.hear(paid(statement))
        elif step == "reject" and status in {"reserved", "waiting"}:
            await self.ledger.hear(rejected(statement))
        elif step == "release" and status == "waiting":
            self.let_through_fen += statement.fund_fen
            await release(self.ledger, statement.statement_id, by="zhang", body={"reason": "急"})
            assert (await release(self.ledger, statement.statement_id, "/approval", by="li")).status_code == 200


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_reserved_and_spent_never_exceed_the_budget_unless_two_let_it(
    deploy: Deploy, steps: list[tuple[str, int]]
) -> None:
    ledger = await deploy(SERVICE)
    ledger.advance_to(JULY)
    await in_force(ledger, line(1_000))
    history = History(ledger)
    for step, number in steps:
        await history.play(step, number)
        budgeted, reserved, spent, _ = await care(ledger)
        assert budgeted == history.budget_fen
        assert reserved >= 0
        assert reserved + spent <= history.budget_fen + history.let_through_fen
        free_fen = history.budget_fen - reserved - spent
        for statement in history.statements:
            # Nobody waits who would fit.
            assert await history.status(statement) != "waiting" or statement.fund_fen > free_fen
    await assert_kept(ledger)


async def test_the_database_keeps_what_two_people_and_an_end_are(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    statement = approved(600)
    await ledger.hear(statement, paid(statement))
    for change in (
        "UPDATE reservation SET status = 'reserved'",
        "DELETE FROM reservation",
        "UPDATE reservation SET fund_fen = 1",
        "UPDATE budget SET status = 'rejected', version = NULL",
        "UPDATE budget_line SET amount_fen = 5",
        "INSERT INTO budget_line SELECT budget_id, '5401', '', '', 5 FROM budget_line",
        "DELETE FROM budget",
    ):
        with pytest.raises(DBAPIError):
            async with ledger.database.engine.begin() as connection:
                await connection.execute(text(change))


async def test_an_unknown_statement_is_not_found(ledger: Running) -> None:
    answer = await ledger.get(f"/reservations/{uuid4()}", ledger.token(Role.AUDITOR))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
