"""Statements ask the budget as events, and are answered as events, in the order in which they were approved.

Everything here happens under the pool's lock, which whoever books holds too: what is spent and what
is held are one moment's, and of two that ask at once the second sees the first.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_common.events.budget import (
    BudgetAnswer,
    BudgetExceeded,
    BudgetReleased,
    BudgetReserved,
    BudgetShortfall,
)
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.settlement import (
    DepositForfeited,
    HandlingFeePaid,
    HandlingFeeReversed,
    PaymentReversed,
    PaymentSettled,
    RecoveryReceived,
    RecoveryWrittenOff,
    StatementApproved,
    StatementDecision,
    StatementRejected,
)
from changhu_common.ids import named_id
from changhu_common.periods import day_of
from changhu_policies import PolicyMissing, Value
from changhu_policies.accounting import chart
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.budgets import Position
from fund_ledger.domain.chain import Entry, digest
from fund_ledger.domain.journal import KeyReused
from fund_ledger.domain.reservations import Budgeting, Decided, claims
from fund_ledger.storage import books, budgets, reservations
from fund_ledger.storage.budget_tables import SUPPLIED
from fund_ledger.usecases.books import Books

# What tells that something of a statement was paid; how that is booked says what a part of the kind reserves.
Paying = PaymentSettled | HandlingFeePaid
PAID_BY: Final[Mapping[str, type[Paying]]] = {
    "care": PaymentSettled,
    "assessment": PaymentSettled,
    "handling": HandlingFeePaid,
}

# What of a statement is reserved no longer once it is told. What came back is no matter of a reservation:
# it is not spent any more, and whatever is paid instead asks anew.
Through = Paying | RecoveryReceived

# What is booked from these changes what is left for those who wait.
MOVES = (
    PaymentSettled.TYPE,
    HandlingFeePaid.TYPE,
    HandlingFeeReversed.TYPE,
    PaymentReversed.TYPE,
    RecoveryReceived.TYPE,
    DepositForfeited.TYPE,
)


async def follow(transaction: Transaction, envelopes: Sequence[Envelope], ledger: Books) -> None:
    """Book a batch of events, and let the budget follow it."""
    connection = transaction.connection
    await SUPPLIED.keep(transaction, [e.event for e in envelopes if isinstance(e.event, PolicyValueApproved)])
    told = [each for each in envelopes if not isinstance(each.event, PolicyValueApproved)]
    decisions = [each.event for each in told if isinstance(each.event, StatementDecision)]
    written_off = [each.event for each in told if isinstance(each.event, RecoveryWrittenOff)]
    if decisions or written_off:
        # All pools of the batch at once, so that two batches never wait for each other.
        await books.lock(connection, {each.event.pool for each in told})  # type: ignore[attr-defined]  # all have one
    booked = await ledger.book(transaction, told)
    moved = {each.pool for each in booked if each.source in MOVES}
    moved |= {each.pool for each in decisions} | {each.pool for each in written_off}
    if paid := _paid(told, booked):
        for year in {in_year for _, in_year in paid}:
            of_year = [each for each, in_year in paid if in_year == year]
            spent = _parts((each.statement_id, each.TYPE, each, _count(each)) for each in of_year)
            await reservations.spend(connection, spent, year=year)
        await reservations.reopen(connection, {each.statement_id for each, _ in paid})
        await _settle(transaction, {each.statement_id for each, _ in paid})
    if written_off:
        await _give_up(transaction, written_off)
    if decisions:
        await _ask(transaction, decisions)
        await _reject(transaction, decisions)
    if moved:
        await answer_waiting(transaction, moved)
    # On a replay a statement may be heard after its payments.
    await _settle(transaction, {each.statement_id for each in decisions})


def _paid(told: Iterable[Envelope], booked: Iterable[Entry]) -> list[tuple[Through, int]]:
    """What was booked just now of statements, and in which year: a payment that comes again spends nothing."""
    new = {entry.source_event_id: entry.accounting_on.year for entry in booked}
    return [(each.event, new[each.id]) for each in told if isinstance(each.event, Through) and each.id in new]


def _parts(said: Iterable[tuple[UUID, str, Any, int]]) -> dict[tuple[UUID, Position], tuple[int, int]]:
    """Fen and number of payments of each statement at each position; each is booked as an event of that type."""
    found: dict[tuple[UUID, Position], tuple[int, int]] = {}
    for statement_id, paid_by, each, payments in said:
        for at, fen in claims(each, rule=chart().rules[paid_by], accounts=chart().accounts).items():
            had_fen, had = found.get((statement_id, at), (0, 0))
            found[statement_id, at] = had_fen + fen, had + payments
    return found


def _count(paid: Through) -> int:
    """How many of its statement's payments are settled with it."""
    return paid.payments if isinstance(paid, RecoveryReceived) else 1


async def _give_up(transaction: Transaction, written_off: Sequence[RecoveryWrittenOff]) -> None:
    """Count what will not come in as settled without any money; it is final, so it may be counted twice."""
    parts = [part for each in written_off for part in each.parts]
    moves_nothing = (
        (each.statement_id, RecoveryReceived.TYPE, each.model_copy(update={"fund_fen": 0}), each.payments)
        for each in parts
    )
    year = day_of(transaction.now).year
    await reservations.spend(transaction.connection, _parts(moves_nothing), year=year)
    await _settle(transaction, {each.statement_id for each in parts})


async def _ask(transaction: Transaction, decisions: Sequence[StatementDecision]) -> None:
    """Keep what statements ask that were not heard before; KeyReused where one asks something else now."""
    known = await reservations.known(transaction.connection, {each.statement_id for each in decisions})
    approved = [each for each in decisions if isinstance(each, StatementApproved)]
    rows = []
    for each in approved:
        facts = _facts(each)
        if known.setdefault(each.statement_id, facts) not in (facts, None):
            raise KeyReused("这张结算单已按不同的金额申请过预算，不会重复占用。", statement_id=str(each.statement_id))
        rows.append(_row(each, status="waiting", facts_hash=facts))
    # A rejection that is heard first is kept, so that what it rejects never holds anything.
    rows += [_row(each, status="released") for each in decisions if isinstance(each, StatementRejected)]
    await reservations.add(transaction.connection, rows)
    once = {each.statement_id: each for each in approved}
    parts = (
        (each.statement_id, PAID_BY[part.kind].TYPE, part, part.payments)
        for each in once.values()
        for part in each.parts
    )
    await reservations.ask(transaction.connection, _parts(parts))


def _facts(said: StatementApproved) -> bytes:
    """The hash of what a statement asks; a field that was added to its parts counts only where it says something."""
    parts = [part.model_dump(mode="json", exclude_defaults=True) for part in said.parts]
    return digest({**said.model_dump(mode="json"), "parts": parts})


def _row(said: StatementDecision, *, status: str, facts_hash: bytes | None = None) -> dict[str, Any]:
    return {
        "id": said.statement_id,
        "pool": said.pool,
        "organization_id": said.organization_id,
        "month": said.month,
        "fund_fen": said.fund_fen,
        "decided_on": said.decided_on,
        "facts_hash": facts_hash,
        "status": status,
        "short": [],
        "revision": 0,
    }


async def _settle(transaction: Transaction, ids: Collection[UUID]) -> None:
    for row in await reservations.settle(transaction.connection, ids, year=day_of(transaction.now).year):
        if row.rest_fen > 0:
            _tell(transaction, row, BudgetReleased, revision=row.revision, fund_fen=row.rest_fen, reason="settled")


async def _reject(transaction: Transaction, decisions: Sequence[StatementDecision]) -> None:
    rejected = [each.statement_id for each in decisions if isinstance(each, StatementRejected)]
    for row in await reservations.reject(transaction.connection, rejected, year=day_of(transaction.now).year):
        _tell(transaction, row, BudgetReleased, revision=row.revision, fund_fen=row.rest_fen, reason="rejected")


async def answer_waiting(
    transaction: Transaction, pools: Collection[str], *, let_through: UUID | None = None, afresh: bool = False
) -> None:
    """Try whatever waits in these pools (which the caller has locked), in order; each that fits is reserved.

    `let_through` is a statement that two people released: it is reserved whatever is left. `afresh` tells
    those that go on waiting what they are short of now, where that is something else.
    """
    rows = await reservations.waiting(transaction.connection, pools)
    if not rows:
        return
    year = day_of(transaction.now).year
    asked = await reservations.open_parts(transaction.connection, [row.id for row in rows], year=year)
    by_pool = {pool: await _budgeting(transaction, pool, year) for pool in {row.pool for row in rows}}
    changed = []
    for row in rows:
        parts = asked.get(row.id, {})
        said = by_pool[row.pool].decide(parts, let_through=row.id == let_through) if parts else Decided("nothing_asked")
        same = [asdict(each) for each in said.short] == row.short
        if said.basis is None and row.short and (same or not afresh):
            continue  # it was told so before
        changed.append(_answered(transaction, row, said, parts, year))
    await reservations.change(transaction.connection, changed)


def _answered(
    transaction: Transaction, row: Any, said: Decided, parts: Mapping[Position, int], year: int
) -> dict[str, Any]:
    revision = row.revision + 1
    if said.basis is None:
        status = "waiting"
        short = tuple(BudgetShortfall(**asdict(each)) for each in said.short)
        _tell(transaction, row, BudgetExceeded, revision=revision, fund_fen=row.fund_fen, short=short)
    else:
        status = "reserved" if parts else "settled"
        held_fen = sum(parts.values())
        answer = {"fund_fen": held_fen, "basis": said.basis, "warned": said.warned}
        _tell(transaction, row, BudgetReserved, revision=revision, **answer)
    return {
        "id": row.id,
        "status": status,
        "basis": said.basis,
        "short": [asdict(each) for each in said.short],
        "revision": revision,
    }


def _tell(transaction: Transaction, row: Any, kind: type[BudgetAnswer], *, revision: int, **said: Any) -> None:
    transaction.emit(
        kind(
            pool=row.pool,
            year=day_of(transaction.now).year,
            statement_id=row.id,
            organization_id=row.organization_id,
            revision=revision,
            **said,
        ),
        event_id=named_id("fund-ledger.budget", row.id, revision),
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the pack, or who supplied it, says of a budget; None where it says nothing."""

    hard_stop: Value | None
    warning_level: Value | None

    @property
    def binding(self) -> bool:
        """What nobody says does not stop anything."""
        return self.hard_stop is not None and self.hard_stop.value == "stops"

    @property
    def level(self) -> Fraction | None:
        return self.warning_level.value if self.warning_level else None


async def rules_of(connection: AsyncConnection, pool: str, on: date) -> Rules:
    """`budget.hard_stop` and `budget.warning_level` of a pool on a day, with what was supplied."""
    pack = await SUPPLIED.pack(connection, pool)

    def find(parameter: str) -> Value | None:
        try:
            return pack.find(parameter, on=on)
        except PolicyMissing:
            return None

    return Rules(find("budget.hard_stop"), find("budget.warning_level"))


async def used(connection: AsyncConnection, pool: str, year: int, accounts: Iterable[str]) -> dict[Position, int]:
    """What is spent in a year's books and held by statements now (fen), position by position."""
    found: dict[Position, int] = {}
    for (at, _), fen in (await budgets.executed(connection, pool, year, accounts)).items():
        found[at] = found.get(at, 0) + fen
    for (at, _), fen in (await reservations.held(connection, pool, year=year)).items():
        found[at] = found.get(at, 0) + fen
    return found


async def _budgeting(transaction: Transaction, pool: str, year: int) -> Budgeting:
    connection = transaction.connection
    version = await budgets.in_force(connection, pool, year)
    if version is None:
        return Budgeting(lines=None, used={}, binding=False, warning_level=None)
    rules = await rules_of(connection, pool, day_of(transaction.now))
    lines = await budgets.lines(connection, version.id)
    expense = [number for number, account in chart().accounts.items() if account.kind == "expense"]
    spent = await used(connection, pool, year, expense)
    return Budgeting(lines=lines, used=spent, binding=rules.binding, warning_level=rules.level)
