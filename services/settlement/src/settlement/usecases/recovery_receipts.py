"""Money of a recovery comes in, in as many parts as the organisation pays, and is told to the books part by part.

Each part belongs to a statement, a county and a category. The one that fills the recovery says that
the payments of its statements are settled, so that whoever reserved anything for them is through.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import RecoveryReceived
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from settlement.domain.recovery import (
    Part,
    ReceiptKnown,
    ReceiptReversed,
    divided,
    open_fen,
    refuse_same_person,
    refuse_wrong_status,
)
from settlement.domain.steps import refuse_strange_day
from settlement.storage import recoveries, statements
from settlement.storage.recoveries import Found
from settlement.usecases.recoveries import begin, view_of
from settlement.usecases.recovery_views import RecoveryView

Moved = Sequence[tuple[Part, int]]


class RecoveryReceipts:
    """What came in of recoveries (收款), and what was recorded by mistake."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        recovery_id: UUID,
        amount_fen: int,
        received_on: date,
        bank_reference: str,
    ) -> RecoveryView:
        """Record that money came in, of all that is open or of a part of it."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided")
            refuse_same_person(caller.subject, [head.entered_by, head.approved_by])
            refuse_strange_day(received_on, today=day_of(transaction.now), field="received_on")
            await _refuse_known(transaction, recovery_id, bank_reference)
            parts = await recoveries.parts(transaction.connection, recovery_id)
            moved = divided(amount_fen, parts)
            receipt = {
                "id": new_id(),
                "recovery_id": recovery_id,
                "amount_fen": amount_fen,
                "received_on": received_on,
                "bank_reference": bank_reference,
                "recorded_by": caller.subject,
                "recorded_at": transaction.now,
            }
            await recoveries.add_receipt(transaction.connection, receipt, moved)
            _tell(transaction, head, receipt, moved)
            if amount_fen == open_fen(parts):
                await _set(transaction, head, "received")
            transaction.record(AuditEntry("receipt", "recovery", recovery_id, after=receipt))
            return transaction.answer(await view_of(transaction, caller, recovery_id))

    async def reverse(
        self, *, caller: Caller, asked: AskedChange, recovery_id: UUID, receipt_id: UUID, reason: str
    ) -> RecoveryView:
        """Take back a receipt that was recorded by mistake (冲销): the same parts below zero, on its day."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, recovery_id)
            refuse_wrong_status(head.status, "decided", "received")
            refuse_same_person(caller.subject, [head.entered_by, head.approved_by])
            known = {each.id: each for each in await recoveries.receipts(transaction.connection, recovery_id)}
            if (wrong := known.get(receipt_id)) is None:
                raise NotFound("该追回没有这笔到账记录。")
            if wrong.reverses_id or wrong.reversed_by:
                raise ReceiptReversed("这笔到账记录已冲销，或本身是冲销记录，不能再冲销。")
            parts = await recoveries.parts(transaction.connection, recovery_id)
            places = {each.place: each for each in parts}
            rows = await recoveries.receipt_parts(transaction.connection, receipt_id)
            moved = [(places[row.statement_id, row.county, row.category, row.kind], -row.amount_fen) for row in rows]
            receipt = {
                "id": new_id(),
                "recovery_id": recovery_id,
                "amount_fen": -wrong.amount_fen,
                "received_on": wrong.received_on,
                "bank_reference": wrong.bank_reference,
                "recorded_by": caller.subject,
                "recorded_at": transaction.now,
                "reverses_id": receipt_id,
                "reversal_reason": reason,
            }
            await recoveries.add_receipt(transaction.connection, receipt, moved)
            _tell(transaction, head, receipt, moved)
            if head.status == "received":
                await _set(transaction, head, "decided")
            transaction.record(AuditEntry("receipt reversal", "recovery", recovery_id, after=receipt))
            return transaction.answer(await view_of(transaction, caller, recovery_id))


async def _refuse_known(transaction: Transaction, recovery_id: UUID, bank_reference: str) -> None:
    for each in await recoveries.receipts(transaction.connection, recovery_id):
        if each.bank_reference == bank_reference and not (each.reverses_id or each.reversed_by):
            raise ReceiptKnown(
                "该银行流水号的到账已登记，不会重复登记；记录有误的请先冲销再登记。", receipt_id=str(each.id)
            )


def _tell(transaction: Transaction, head: Found, receipt: Mapping[str, Any], moved: Moved) -> None:
    for part, fen in moved:
        part_id = named_id("settlement.recovery-part", receipt["id"], *part.place)
        transaction.emit(
            RecoveryReceived(
                part_id=part_id,
                receipt_id=receipt["id"],
                recovery_id=head.id,
                statement_id=part.statement_id,
                organization_id=head.organization_id,
                pool=head.pool,
                county=part.county,
                category=part.category,
                fund_fen=fen,
                payments=part.settles(fen),
                received_on=receipt["received_on"],
                bank_reference=receipt["bank_reference"],
                kind=part.kind,
            ),
            event_id=part_id,
        )


async def _set(transaction: Transaction, head: Found, status: str) -> None:
    """Move the recovery and its statements on together."""
    await recoveries.change(transaction.connection, head.id, status=status)
    ids = {each.statement_id for each in await recoveries.parts(transaction.connection, head.id)}
    stand = "recovered" if status == "received" else "recovering"
    await statements.change(transaction.connection, sorted(ids), status=stand)
