"""A recovery is entered, approved by another person, and paid in; or taken back by two while nothing came in.

What will not come in any more is written off by two, which ends it.

Each step locks the organisation's statements first, as closing and paying do, and then the recovery,
so a statement is never offset and recovered at once.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.clock import Clock
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import RecoveryCancelled, RecoveryDecided, RecoveryWrittenOff, WrittenOff
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from settlement.domain.budget import refuse_unless_reserved
from settlement.domain.differences import NOT_INSURED
from settlement.domain.recovery import (
    CancellationAsked,
    Part,
    StatementNotOpen,
    open_fen,
    parts_of,
    refuse_cancelling,
    refuse_money_came_in,
    refuse_nothing_owed,
    refuse_past_term,
    refuse_same_person,
    refuse_several_pools,
    refuse_write_off_asked,
    refuse_writing_off,
    refuse_wrong_status,
)
from settlement.domain.steps import STATUSES
from settlement.storage import accounts, recoveries, statements
from settlement.storage.recoveries import Found
from settlement.usecases.recovery_views import RecoveryDetail, RecoveryView, receipt_view, recovery_view
from settlement.usecases.views import budget_of

RECOVERIES_PER_PAGE_MAX = 500

# Of the steps of a cancellation the last one stands; the audit keeps the others.
_NOT_ASKED = dict.fromkeys(("cancellation_asked_by", "cancellation_asked_at", "cancellation_reason"))
_NOT_REJECTED = dict.fromkeys(("cancellation_rejected_by", "cancellation_rejected_at", "cancellation_rejection_reason"))


class Recoveries:
    """Recoveries (追回): the decision, and what is asked of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def enter(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        organization_id: UUID,
        statement_ids: Sequence[UUID],
        reason: str,
        due_on: date | None,
    ) -> RecoveryView:
        """Enter that what these statements come to is to be paid back (录入)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            await accounts.hold(connection, [accounts.account_of_statements(organization_id)])
            heads = await statements.listed(
                connection, statement_ids, organization_id=organization_id, scope=caller.scope
            )
            if len(heads) < len(set(statement_ids)):
                raise NotFound("所列结算单中有的不存在、不属于该机构，或不在您的权限范围内。")
            refuse_several_pools({each.pool for each in heads})
            _refuse_not_open(heads)
            if other := await recoveries.held(connection, statement_ids):
                raise StatementNotOpen("所列结算单已在另一笔追回中，请先办理那一笔。", recovery_id=str(other))
            refuse_nothing_owed([each.fund_fen for each in heads])
            refuse_past_term(due_on, today=day_of(transaction.now))
            row = {
                "id": new_id(),
                "organization_id": organization_id,
                # Of what is owed, wherever the organisation belongs by now.
                "pool": heads[-1].pool,
                "county": heads[-1].county,
                "status": "entered",
                "amount_fen": -sum(each.fund_fen for each in heads),
                "reason": reason,
                "due_on": due_on,
                "entered_by": caller.subject,
                "entered_at": transaction.now,
            }
            owed = [_owed(each) for each in await statements.parts(connection, statement_ids)]
            await recoveries.add(connection, head=row, parts=parts_of(owed))
            transaction.record(AuditEntry("enter", "recovery", row["id"], after=row))
            return transaction.answer(await view_of(transaction, caller, row["id"]))

    async def approve(self, *, caller: Caller, asked: AskedChange, recovery_id: UUID) -> RecoveryView:
        """Decide it (审批): from now on its statements are not offset."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "entered")
            refuse_same_person(caller.subject, [head.entered_by])
            ids = await _statements_of(transaction, recovery_id)
            heads = await statements.listed(transaction.connection, ids, organization_id=head.organization_id)
            _refuse_not_open(heads)
            refuse_unless_reserved({each.id: budget_of(each) for each in heads})
            await statements.change(transaction.connection, ids, status="recovering", recovery_id=recovery_id)
            transaction.emit(
                RecoveryDecided(
                    **_named(head),
                    statements=tuple(ids),
                    amount_fen=head.amount_fen,
                    decided_on=day_of(transaction.now),
                    due_on=head.due_on,
                ),
                event_id=named_id("settlement.recovery-decided", recovery_id),
            )
            done = {"status": "decided", "approved_by": caller.subject, "approved_at": transaction.now}
            return await _end(transaction, caller, head, "approval", done)

    async def reject(self, *, caller: Caller, asked: AskedChange, recovery_id: UUID, reason: str) -> RecoveryView:
        """Send it back (退回); its statements may be entered again."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "entered")
            refuse_same_person(caller.subject, [head.entered_by])
            by = {"rejected_by": caller.subject, "rejected_at": transaction.now}
            done = {"status": "rejected", **by, "rejection_reason": reason}
            return await _end(transaction, caller, head, "rejection", done)

    async def ask_cancellation(
        self, *, caller: Caller, asked: AskedChange, recovery_id: UUID, reason: str
    ) -> RecoveryView:
        """Ask that it be taken back (申请撤销)."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided")
            await _refuse_money_came_in(transaction, recovery_id)
            if head.cancellation_asked_by is not None:
                raise CancellationAsked("撤销已有人申请，请由另一人批准或退回。", asked_by=head.cancellation_asked_by)
            by = {"cancellation_asked_by": caller.subject, "cancellation_asked_at": transaction.now}
            done = {**_NOT_REJECTED, **by, "cancellation_reason": reason}
            return await _end(transaction, caller, head, "cancellation", done)

    async def reject_cancellation(
        self, *, caller: Caller, asked: AskedChange, recovery_id: UUID, reason: str
    ) -> RecoveryView:
        """Let it stand (退回撤销申请), also where money came in meanwhile; it may be asked again."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_cancelling(subject=caller.subject, asked_by=head.cancellation_asked_by)
            by = {"cancellation_rejected_by": caller.subject, "cancellation_rejected_at": transaction.now}
            done = {**_NOT_ASKED, **by, "cancellation_rejection_reason": reason}
            return await _end(transaction, caller, head, "cancellation rejection", done)

    async def approve_cancellation(self, *, caller: Caller, asked: AskedChange, recovery_id: UUID) -> RecoveryView:
        """Take it back (撤销): its statements are carried and offset again."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided")
            refuse_cancelling(subject=caller.subject, asked_by=head.cancellation_asked_by)
            await _refuse_money_came_in(transaction, recovery_id)
            ids = await _statements_of(transaction, recovery_id)
            await statements.change(transaction.connection, ids, status="approved", recovery_id=None)
            told = RecoveryCancelled(**_named(head), cancelled_on=day_of(transaction.now))
            transaction.emit(told, event_id=named_id("settlement.recovery-cancelled", recovery_id))
            done = {"status": "cancelled", "cancelled_by": caller.subject, "cancelled_at": transaction.now}
            return await _end(transaction, caller, head, "cancellation approval", done)

    async def ask_write_off(
        self, *, caller: Caller, asked: AskedChange, recovery_id: UUID, reason: str
    ) -> RecoveryView:
        """Ask that what is open be given up (申请核销余款)."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided")
            left_fen = open_fen(await recoveries.parts(transaction.connection, recovery_id))
            refuse_write_off_asked(asked_fen=head.write_off_fen, asked_by=head.write_off_asked_by, open_fen=left_fen)
            by = {"write_off_asked_by": caller.subject, "write_off_asked_at": transaction.now}
            done = {**by, "write_off_reason": reason, "write_off_fen": left_fen}
            return await _end(transaction, caller, head, "write-off", done)

    async def approve_write_off(self, *, caller: Caller, asked: AskedChange, recovery_id: UUID) -> RecoveryView:
        """Give it up (批准核销余款): the recovery and its statements end with what came in; no money moves."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided")
            parts = await recoveries.parts(transaction.connection, recovery_id)
            left_fen = open_fen(parts)
            refuse_writing_off(
                subject=caller.subject,
                asked_by=head.write_off_asked_by,
                asked_fen=head.write_off_fen,
                open_fen=left_fen,
            )
            ids = await _statements_of(transaction, recovery_id)
            await statements.change(transaction.connection, ids, status="written_off")
            told = RecoveryWrittenOff(
                **_named(head),
                amount_fen=left_fen,
                written_off_on=day_of(transaction.now),
                parts=tuple(_written_off(each) for each in parts if each.open_fen),
            )
            transaction.emit(told, event_id=named_id("settlement.recovery-written-off", recovery_id))
            done = {"status": "written_off", "written_off_by": caller.subject, "written_off_at": transaction.now}
            return await _end(transaction, caller, head, "write-off approval", done)

    async def one(self, *, caller: Caller, recovery_id: UUID) -> RecoveryDetail:
        """A recovery with its parts and what came in."""
        async with self._database.read() as connection:
            head = await recoveries.one(connection, recovery_id=recovery_id, scope=caller.scope)
            if head is None:
                raise unknown_recovery()
            parts = await recoveries.parts(connection, recovery_id)
            receipts = await recoveries.receipts(connection, recovery_id)
        return RecoveryDetail(
            recovery=recovery_view(head, parts, today=self._clock.today()),
            parts=parts,
            receipts=[receipt_view(each) for each in receipts],
        )

    async def some(
        self,
        *,
        caller: Caller,
        pool: str | None,
        organization_id: UUID | None,
        status: str | None,
        overdue: bool,
        after: UUID | None,
    ) -> list[RecoveryView]:
        """Recoveries, newest first; `after` is the last one of the page before."""
        today = self._clock.today()
        async with self._database.read() as connection:
            rows = await recoveries.some(
                connection,
                scope=caller.scope,
                pool=pool,
                organization_id=organization_id,
                status=status,
                overdue_on=today if overdue else None,
                after=after,
                rows_max=RECOVERIES_PER_PAGE_MAX,
            )
            parts = await recoveries.parts_of(connection, [each.id for each in rows])
        return [recovery_view(each, parts[each.id], today=today) for each in rows]


async def begin(transaction: Transaction, caller: Caller, recovery_id: UUID) -> Found:
    """Lock the organisation's statements and this recovery."""
    seen = await recoveries.one(transaction.connection, recovery_id=recovery_id, scope=caller.scope)
    if seen is None:
        raise unknown_recovery()
    await accounts.hold(transaction.connection, [accounts.account_of_statements(seen.organization_id)])
    head = await recoveries.one(transaction.connection, recovery_id=recovery_id, scope=caller.scope, locked=True)
    assert head is not None
    return head


async def _end(transaction: Transaction, caller: Caller, head: Found, step: str, done: dict[str, Any]) -> RecoveryView:
    await recoveries.change(transaction.connection, head.id, **done)
    transaction.record(AuditEntry(step, "recovery", head.id, before={"status": head.status}, after=done))
    return transaction.answer(await view_of(transaction, caller, head.id))


async def view_of(transaction: Transaction, caller: Caller, recovery_id: UUID) -> RecoveryView:
    head = await recoveries.one(transaction.connection, recovery_id=recovery_id, scope=caller.scope)
    assert head is not None
    parts = await recoveries.parts(transaction.connection, recovery_id)
    return recovery_view(head, parts, today=day_of(transaction.now))


def _owed(part: Found) -> Part:
    """What is to be paid back of what a statement asked of the fund."""
    place = (part.statement_id, part.county, part.category or NOT_INSURED, part.kind)
    return Part(*place, amount_fen=-int(part.fund_fen), payments=part.payments)


def _written_off(part: Part) -> WrittenOff:
    return WrittenOff(
        statement_id=part.statement_id,
        county=part.county,
        category=part.category,
        fund_fen=part.open_fen,
        payments=part.payments,
        kind=part.kind,
    )


def unknown_recovery() -> NotFound:
    return NotFound("没有这笔追回，或不在您的权限范围内。")


def _named(head: Found) -> dict[str, Any]:
    return {"recovery_id": head.id, "organization_id": head.organization_id, "pool": head.pool}


async def _statements_of(transaction: Transaction, recovery_id: UUID) -> list[UUID]:
    parts = await recoveries.parts(transaction.connection, recovery_id)
    return sorted({each.statement_id for each in parts})


async def _refuse_money_came_in(transaction: Transaction, recovery_id: UUID) -> None:
    refuse_money_came_in(await recoveries.parts(transaction.connection, recovery_id))


def _refuse_not_open(heads: Sequence[Found]) -> None:
    for each in heads:
        if each.status != "approved":
            raise StatementNotOpen(
                f"{each.month}的结算单当前为“{STATUSES[each.status]}”，只有已审批、尚未拨付或抵扣的才能列入追回。",
                statement_id=str(each.id),
            )
