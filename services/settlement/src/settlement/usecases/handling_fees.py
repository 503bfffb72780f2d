"""An insurer's fee is reviewed, approved and paid, each by another person, as statements are.

It asks the fund's budget for what each county and scheme bears, and is paid once that is reserved.
"""

from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import (
    HandlingFeePaid,
    HandlingFeeReversed,
    StatementApproved,
    StatementPart,
    StatementRejected,
)
from changhu_common.ids import named_id
from changhu_common.periods import Month, day_of
from changhu_common.roles import Caller
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.budget import refuse_unless_reserved
from settlement.domain.handling_fee import Corrected
from settlement.domain.steps import Doing, Step, refuse_no_return, refuse_strange_day, refuse_unless_allowed
from settlement.storage import accounts, handling_fees
from settlement.storage.handling_fees import Found
from settlement.usecases.handling_views import HandlingFeeDetail, HandlingFeeView, fee_detail, fee_view
from settlement.usecases.views import budget_of

FEES_PER_PAGE_MAX = 500

# Whose care a fee is for, as an insured category: nobody's in particular.
NOBODYS = "none"


class HandlingFees:
    """The steps of a fee after its entry, and what is asked of fees."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def review(self, *, caller: Caller, asked: AskedChange, fee_id: UUID) -> HandlingFeeView:
        async with self._database.change(asked) as transaction:
            fee = await _begin(transaction, caller, fee_id, "review")
            done = {"status": "reviewed", "reviewed_by": caller.subject, "reviewed_at": transaction.now}
            return transaction.answer(await _end(transaction, fee, "review", done))

    async def approve(self, *, caller: Caller, asked: AskedChange, fee_id: UUID) -> HandlingFeeView:
        """Approve; the fund's budget is asked for what each county and scheme bears."""
        async with self._database.change(asked) as transaction:
            fee = await _begin(transaction, caller, fee_id, "approval")
            done = {"status": "approved", "approved_by": caller.subject, "approved_at": transaction.now}
            asks = tuple(
                StatementPart(
                    county=each.county,
                    category=NOBODYS,
                    fund_fen=each.fund_fen,
                    payments=1,
                    kind="handling",
                    scheme=each.scheme or None,
                )
                for each in await handling_fees.parts(transaction.connection, fee_id)
                if each.fund_fen
            )
            transaction.emit(StatementApproved(**_decided(transaction, fee), parts=asks))
            return transaction.answer(await _end(transaction, fee, "approval", done))

    async def reject(self, *, caller: Caller, asked: AskedChange, fee_id: UUID, reason: str) -> HandlingFeeView:
        """Send a fee back; its period is free for another one."""
        async with self._database.change(asked) as transaction:
            fee = await _begin(transaction, caller, fee_id, "rejection")
            done = {
                "status": "rejected",
                "rejected_by": caller.subject,
                "rejected_at": transaction.now,
                "rejection_reason": reason,
            }
            transaction.emit(StatementRejected(**_decided(transaction, fee)))
            return transaction.answer(await _end(transaction, fee, "rejection", done))

    async def pay(
        self, *, caller: Caller, asked: AskedChange, fee_id: UUID, bank_reference: str, paid_on: date
    ) -> HandlingFeeView:
        """Record that the bank paid what the budget has reserved; of a negative fee, that the money came back."""
        async with self._database.change(asked) as transaction:
            fee = await _begin(transaction, caller, fee_id, "payment")
            refuse_strange_day(paid_on, today=day_of(transaction.now), field="paid_on")
            refuse_unless_reserved({fee_id: budget_of(fee)})
            done = {
                "status": "paid",
                "paid_by": caller.subject,
                "paid_at": transaction.now,
                "paid_on": paid_on,
                "bank_reference": bank_reference,
            }
            for part in await handling_fees.parts(transaction.connection, fee_id):
                if part.fund_fen:
                    _tell_paid(transaction, fee, part, bank_reference=bank_reference, paid_on=paid_on)
            return transaction.answer(await _end(transaction, fee, "payment", done))

    async def record_return(
        self, *, caller: Caller, asked: AskedChange, fee_id: UUID, bank_reference: str, returned_on: date, reason: str
    ) -> HandlingFeeView:
        """Record that the bank sent a paid fee back (退汇): its period is free, or what it corrects stands again."""
        async with self._database.change(asked) as transaction:
            fee = await _begin(transaction, caller, fee_id, "return")
            refuse_strange_day(returned_on, today=day_of(transaction.now), field="returned_on")
            refuse_no_return(transfer_fen=fee.fund_fen, paid_on=fee.paid_on, returned_on=returned_on)
            if later := await handling_fees.correction_of(transaction.connection, fee_id):
                raise Corrected("请先退回该更正再登记退汇；更正已拨付的，由两名会计手工记账。", fee_id=str(later))
            done = {
                "status": "returned",
                "returned_by": caller.subject,
                "returned_at": transaction.now,
                "returned_on": returned_on,
                "return_reference": bank_reference,
                "return_reason": reason,
            }
            for part in await handling_fees.parts(transaction.connection, fee_id):
                if part.fund_fen:
                    _tell_reversed(transaction, fee, part, bank_reference=bank_reference, returned_on=returned_on)
            return transaction.answer(await _end(transaction, fee, "return", done))

    async def one(self, *, caller: Caller, fee_id: UUID) -> HandlingFeeDetail:
        async with self._database.read() as connection:
            fee = await find(connection, caller, fee_id)
            bears = await handling_fees.parts(connection, fee_id)
            return fee_detail(fee, bears, await handling_fees.correction_of(connection, fee_id))

    async def some(self, *, caller: Caller, **asked: Any) -> list[HandlingFeeView]:
        async with self._database.read() as connection:
            rows = await handling_fees.some(connection, scope=caller.scope, rows_max=FEES_PER_PAGE_MAX, **asked)
        return [fee_view(row) for row in rows]


async def find(connection: AsyncConnection, caller: Caller, fee_id: UUID, *, locked: bool = False) -> Found:
    """A fee in scope, or NotFound."""
    fee = await handling_fees.one(connection, fee_id=fee_id, scope=caller.scope, locked=locked)
    if fee is None:
        raise NotFound("没有这笔经办服务费，或不在您的权限范围内。")
    return fee


async def hold(transaction: Transaction, caller: Caller, fee_id: UUID) -> Found:
    """Lock the insurer's fees in the pool, and then this one, until the transaction ends."""
    seen = await find(transaction.connection, caller, fee_id)
    await accounts.hold(transaction.connection, [seen.account_id])
    return await find(transaction.connection, caller, fee_id, locked=True)


async def _begin(transaction: Transaction, caller: Caller, fee_id: UUID, step: Step) -> Found:
    """Lock a fee, and refuse a step out of order or out of post."""
    fee = await hold(transaction, caller, fee_id)
    done_by = (fee.entered_by, fee.reviewed_by, fee.approved_by)
    refuse_unless_allowed(Doing(step=step, status=fee.status, subject=caller.subject, done_by=done_by, on="经办服务费"))
    return fee


async def _end(transaction: Transaction, fee: Found, step: Step, done: dict[str, Any]) -> HandlingFeeView:
    await handling_fees.change(transaction.connection, fee.id, **done)
    transaction.record(AuditEntry(step, "handling_fee", fee.id, before={"status": fee.status}, after=done))
    return fee_view(fee, **done)


def _decided(transaction: Transaction, fee: Found) -> dict[str, Any]:
    """What the budget hears of a fee: a statement of the insurer, of the period's last month."""
    return {
        "statement_id": fee.id,
        "organization_id": fee.organization_id,
        "pool": fee.pool,
        "month": str(Month.of(fee.end)),
        "fund_fen": fee.fund_fen,
        "person_fen": 0,
        "cost_fen": fee.fund_fen,
        "decided_on": day_of(transaction.now),
    }


def _tell_paid(transaction: Transaction, fee: Found, part: Found, *, bank_reference: str, paid_on: date) -> None:
    paid = HandlingFeePaid(
        **_payment(fee, part),
        paid_on=paid_on,
        bank_reference=bank_reference,
        corrects_statement_id=fee.corrects_id,
        pack_version=fee.pack_version,
    )
    transaction.emit(paid, event_id=named_id("settlement.handling-fee-paid", paid.payment_id))


def _tell_reversed(
    transaction: Transaction, fee: Found, part: Found, *, bank_reference: str, returned_on: date
) -> None:
    payment = _payment(fee, part)
    reversed_ = HandlingFeeReversed(
        **payment,
        reversal_id=named_id("settlement.handling-fee-reversal", payment["payment_id"]),
        returned_on=returned_on,
        bank_reference=bank_reference,
    )
    transaction.emit(reversed_, event_id=named_id("settlement.handling-fee-reversed", reversed_.payment_id))


def _payment(fee: Found, part: Found) -> dict[str, Any]:
    """What is told of a fee's part when it is paid, and when that comes back."""
    return {
        "payment_id": named_id("settlement.handling-fee-payment", fee.id, part.county, part.scheme),
        "statement_id": fee.id,
        "organization_id": fee.organization_id,
        "pool": fee.pool,
        "county": part.county,
        "scheme": part.scheme or None,
        "period": fee.period,
        "fund_fen": part.fund_fen,
    }
