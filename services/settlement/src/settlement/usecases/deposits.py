"""What stands of an organisation's deposit is released or forfeited after the yearly evaluation (年度考核).

One enters it, another approves it, a cashier pays what is released. What is forfeited is told with the
approval, because no money moves. An approved release that was not paid may still be sent back.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import DepositForfeited, DepositReleased
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from settlement.domain.deposit import (
    Outcome,
    by_place,
    drawn,
    refuse_nothing_to_pay,
    refuse_same_person,
    refuse_wrong_status,
)
from settlement.domain.steps import refuse_strange_day
from settlement.storage import accounts, deposits, statements
from settlement.storage.deposits import Found
from settlement.usecases.deposit_views import (
    DepositDecisionView,
    DepositHistory,
    DepositStanding,
    decision_view,
    move_view,
    year_view,
)
from settlement.usecases.withholding import offset

MOVES_PER_PAGE_MAX = 1_000
DECISIONS_PER_PAGE_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the evaluation comes to: fen that are released or forfeited of what was withheld in a year."""

    outcome: Outcome
    year: int
    amount_fen: int
    reason: str


class Deposits:
    """Deposits (质量保证金): what stands, and what is decided of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self, *, caller: Caller, asked: AskedChange, organization_id: UUID, decided: Decided
    ) -> DepositDecisionView:
        """Enter a release or a forfeiture (录入)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            home = await _organisation(transaction, caller, organization_id)
            await accounts.hold(connection, [accounts.account_of_statements(organization_id)])
            stands = await deposits.standing(connection, organization_id=organization_id, year=decided.year)
            drawn(decided.amount_fen, stands)
            row = {
                "id": new_id(),
                "organization_id": organization_id,
                "pool": home.pool,
                "county": home.county,
                "outcome": decided.outcome,
                "year": decided.year,
                "amount_fen": decided.amount_fen,
                "reason": decided.reason,
                "status": "entered",
                "entered_by": caller.subject,
                "entered_at": transaction.now,
            }
            await deposits.decide(connection, row)
            transaction.record(AuditEntry("enter", "deposit_decision", row["id"], after=row))
            return await _answer(transaction, caller, row["id"])

    async def approve(self, *, caller: Caller, asked: AskedChange, decision_id: UUID) -> DepositDecisionView:
        """Approve (审批): from now on it is drawn, and what is forfeited is the fund's."""
        async with self._database.change(asked) as transaction:
            head = await _begin(transaction, caller, decision_id)
            refuse_wrong_status(head.status, "entered")
            refuse_same_person(caller.subject, [head.entered_by])
            connection = transaction.connection
            stands = await deposits.standing(connection, organization_id=head.organization_id, year=head.year)
            draws = drawn(head.amount_fen, stands)
            await deposits.draw(connection, draws, cause=head.outcome, cause_id=decision_id, at=transaction.now)
            if head.outcome == "forfeiture":
                for place, fen in by_place(draws).items():
                    told = {"forfeited_on": day_of(transaction.now)}
                    _tell(transaction, DepositForfeited, head, place, fen, told)
            done = {"status": "approved", "approved_by": caller.subject, "approved_at": transaction.now}
            return await _end(transaction, caller, head, "approval", done)

    async def reject(
        self, *, caller: Caller, asked: AskedChange, decision_id: UUID, reason: str
    ) -> DepositDecisionView:
        """Send it back (退回), also an approved release that was not paid; what it drew stands again."""
        async with self._database.change(asked) as transaction:
            head = await _begin(transaction, caller, decision_id)
            refuse_wrong_status(head.status, "entered", *(("approved",) if head.outcome == "release" else ()))
            refuse_same_person(caller.subject, [head.entered_by])
            draws = await deposits.drawn_by(transaction.connection, decision_id)
            undone = [(each, -fen) for each, fen in draws]
            await deposits.draw(
                transaction.connection, undone, cause=head.outcome, cause_id=decision_id, at=transaction.now
            )
            await offset(transaction, head.organization_id, cause_id=decision_id)
            by = {"rejected_by": caller.subject, "rejected_at": transaction.now}
            done = {"status": "rejected", **by, "rejection_reason": reason}
            return await _end(transaction, caller, head, "rejection", done)

    async def pay(
        self, *, caller: Caller, asked: AskedChange, decision_id: UUID, bank_reference: str, paid_on: date
    ) -> DepositDecisionView:
        """Record that the bank paid what is released (支付)."""
        async with self._database.change(asked) as transaction:
            head = await _begin(transaction, caller, decision_id)
            refuse_nothing_to_pay(head.outcome)
            refuse_wrong_status(head.status, "approved")
            refuse_same_person(caller.subject, [head.entered_by, head.approved_by])
            refuse_strange_day(paid_on, today=day_of(transaction.now), field="paid_on")
            draws = await deposits.drawn_by(transaction.connection, decision_id)
            for place, fen in by_place(draws).items():
                told = {"released_on": paid_on, "bank_reference": bank_reference}
                _tell(transaction, DepositReleased, head, place, fen, told)
            by = {"paid_by": caller.subject, "paid_at": transaction.now}
            done = {"status": "paid", **by, "paid_on": paid_on, "bank_reference": bank_reference}
            return await _end(transaction, caller, head, "payment", done)

    async def of_organisation(self, *, caller: Caller, organization_id: UUID) -> DepositStanding:
        """What an organisation's deposit stands at, year by year."""
        async with self._database.read() as connection:
            home = await statements.organisation(connection, organization_id=organization_id, scope=caller.scope)
            if home is None:
                raise _unknown_organisation()
            rows = await deposits.years(connection, organization_id)
        return DepositStanding(
            organization_id=organization_id,
            pool=home.pool,
            open_fen=sum(row.open_fen for row in rows),
            owed_fen=sum(row.owed_fen for row in rows),
            years=[year_view(row) for row in rows],
        )

    async def history(self, *, caller: Caller, organization_id: UUID, after: UUID | None) -> DepositHistory:
        """What was withheld and drawn, newest first."""
        async with self._database.read() as connection:
            if not await statements.organisation(connection, organization_id=organization_id, scope=caller.scope):
                raise _unknown_organisation()
            rows = await deposits.history(
                connection, organization_id=organization_id, after=after, rows_max=MOVES_PER_PAGE_MAX + 1
            )
        shown = rows[:MOVES_PER_PAGE_MAX]
        following = shown[-1].id if len(rows) > len(shown) else None
        return DepositHistory(moves=[move_view(each) for each in shown], next=following)

    async def decisions(self, *, caller: Caller, **asked: Any) -> list[DepositDecisionView]:
        """What was decided, newest first; `after` is the last one of the page before."""
        async with self._database.read() as connection:
            rows = await deposits.decisions(connection, scope=caller.scope, rows_max=DECISIONS_PER_PAGE_MAX, **asked)
        return [decision_view(row) for row in rows]


def _tell(
    transaction: Transaction,
    kind: type[DepositReleased] | type[DepositForfeited],
    head: Found,
    place: tuple[str, str, str],
    fen: int,
    said: dict[str, Any],
) -> None:
    part_id = named_id("settlement.deposit-part", head.id, *place)
    named: dict[str, Any] = {"decision_id": head.id, "organization_id": head.organization_id, "pool": head.pool}
    named |= dict(zip(("county", "category", "kind"), place, strict=True))
    transaction.emit(kind(part_id=part_id, amount_fen=fen, **named, **said), event_id=part_id)


async def _organisation(transaction: Transaction, caller: Caller, organization_id: UUID) -> Found:
    home = await statements.organisation(transaction.connection, organization_id=organization_id, scope=caller.scope)
    if home is None:
        raise _unknown_organisation()
    return home


def _unknown_organisation() -> NotFound:
    return NotFound("没有这个定点机构，或不在您的权限范围内。")


async def _begin(transaction: Transaction, caller: Caller, decision_id: UUID) -> Found:
    """Lock the organisation's statements and this decision."""
    connection = transaction.connection
    seen = await deposits.decision(connection, decision_id=decision_id, scope=caller.scope)
    if seen is None:
        raise NotFound("没有这笔保证金处理，或不在您的权限范围内。")
    await accounts.hold(connection, [accounts.account_of_statements(seen.organization_id)])
    head = await deposits.decision(connection, decision_id=decision_id, scope=caller.scope, locked=True)
    assert head is not None
    return head


async def _end(
    transaction: Transaction, caller: Caller, head: Found, step: str, done: dict[str, Any]
) -> DepositDecisionView:
    await deposits.change(transaction.connection, head.id, **done)
    transaction.record(AuditEntry(step, "deposit_decision", head.id, before={"status": head.status}, after=done))
    return await _answer(transaction, caller, head.id)


async def _answer(transaction: Transaction, caller: Caller, decision_id: UUID) -> DepositDecisionView:
    row = await deposits.decision(transaction.connection, decision_id=decision_id, scope=caller.scope)
    assert row is not None
    return transaction.answer(decision_view(row))
