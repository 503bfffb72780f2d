"""Whatever happens at once, in any order or again, the budget's limit holds."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from changhu_common.events import Envelope, Event
from changhu_common.events.budget import BudgetReserved
from changhu_common.events.settlement import StatementApproved
from changhu_common.ids import new_id
from fund_ledger.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.budgets import (
    approve,
    approved,
    budget,
    care,
    draft,
    in_force,
    line,
    paid,
    part,
    rejected,
    release,
    reservation,
)
from tests.support.ledgers import COUNTY, OTHER_COUNTY, assert_kept, contribution, rows
from tests.support.running import Deploy, Running

JULY = datetime(2026, 7, 20, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_july(ledger: Running) -> None:
    ledger.advance_to(JULY)


async def test_of_many_that_ask_at_once_only_as_many_as_fit_are_reserved(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    asked = [approved(70) for _ in range(40)]
    await asyncio.gather(*(ledger.hear(*asked[n : n + 2], contribution(county=COUNTY)) for n in range(0, 40, 2)))
    assert await care(ledger) == (1_000, 980, 0, 20)
    assert len(await ledger.told(BudgetReserved)) == 14
    await assert_kept(ledger)


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
        "UPDATE reservation SET revision = 9",
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
