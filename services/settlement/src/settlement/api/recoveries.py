"""Recoveries over HTTP: entry, approval, rejection, money that came in, what is open; two cancel or write off."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from settlement.api.statements import (
    AMOUNT_FEN_MAX,
    REFERENCE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    Reader,
    Rejection,
    Step,
)
from settlement.usecases.recoveries import Recoveries
from settlement.usecases.recovery_receipts import RecoveryReceipts
from settlement.usecases.recovery_views import RecoveryDetail, RecoveryView

# Ten years of months.
STATEMENTS_MAX = 120

Entry = Annotated[Caller, allow(Role.SETTLEMENT_ENTRY)]
Asking = Annotated[Caller, allow(Role.SETTLEMENT_ENTRY, Role.SETTLEMENT_REVIEW)]
Approval = Annotated[Caller, allow(Role.SETTLEMENT_APPROVAL)]
Cashier = Annotated[Caller, allow(Role.CASHIER)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewRecovery(_Body):
    """What an organisation is to pay back: approved statements that come to less than nothing."""

    organization_id: UUID
    statements: list[UUID] = Field(min_length=1, max_length=STATEMENTS_MAX)
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)
    due_on: date | None = None


class Receipt(_Body):
    """What the bank says came in."""

    amount_fen: int = Field(gt=0, le=AMOUNT_FEN_MAX)
    received_on: date
    bank_reference: str = Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX)


def recoveries_router(recoveries: Recoveries, receipts: RecoveryReceipts) -> APIRouter:
    router = APIRouter(tags=["recoveries"])

    @router.post("/recoveries", status_code=201)
    async def enter(caller: Entry, asked: Asked, new: NewRecovery) -> RecoveryView:
        """Enter a recovery (追回录入): the agreement ended, nothing is left to offset, or supervision decided so."""
        return await recoveries.enter(
            caller=caller,
            asked=asked,
            organization_id=new.organization_id,
            statement_ids=new.statements,
            reason=new.reason,
            due_on=new.due_on,
        )

    @router.get("/recoveries")
    async def some(
        caller: Reader,
        pool: str | None = None,
        organization_id: UUID | None = None,
        status: Literal["entered", "decided", "received", "written_off", "rejected", "cancelled"] | None = None,
        overdue: bool = False,
        after: UUID | None = None,
    ) -> list[RecoveryView]:
        """Recoveries with what is open, newest first; `after` is the last one of the page before.

        `overdue=true` shows those whose term has passed.
        """
        return await recoveries.some(
            caller=caller, pool=pool, organization_id=organization_id, status=status, overdue=overdue, after=after
        )

    @router.get("/recoveries/{recovery_id}")
    async def one(caller: Reader, recovery_id: UUID) -> RecoveryDetail:
        """A recovery by statement, county and category, with what came in."""
        return await recoveries.one(caller=caller, recovery_id=recovery_id)

    @router.post("/recoveries/{recovery_id}/approval")
    async def approve(caller: Approval, asked: Asked, recovery_id: UUID, _: Step) -> RecoveryView:
        """Decide it (审批)."""
        return await recoveries.approve(caller=caller, asked=asked, recovery_id=recovery_id)

    @router.post("/recoveries/{recovery_id}/rejection")
    async def reject(caller: Approval, asked: Asked, recovery_id: UUID, said: Rejection) -> RecoveryView:
        """Send it back (退回)."""
        return await recoveries.reject(caller=caller, asked=asked, recovery_id=recovery_id, reason=said.reason)

    @router.post("/recoveries/{recovery_id}/cancellation")
    async def ask_cancellation(caller: Asking, asked: Asked, recovery_id: UUID, said: Rejection) -> RecoveryView:
        """Ask that a recovery of which nothing came in be taken back (申请撤销)."""
        return await recoveries.ask_cancellation(
            caller=caller, asked=asked, recovery_id=recovery_id, reason=said.reason
        )

    @router.post("/recoveries/{recovery_id}/cancellation/approval")
    async def approve_cancellation(caller: Approval, asked: Asked, recovery_id: UUID, _: Step) -> RecoveryView:
        """Take it back (批准撤销)."""
        return await recoveries.approve_cancellation(caller=caller, asked=asked, recovery_id=recovery_id)

    @router.post("/recoveries/{recovery_id}/cancellation/rejection")
    async def reject_cancellation(caller: Approval, asked: Asked, recovery_id: UUID, said: Rejection) -> RecoveryView:
        """Let it stand (退回撤销申请)."""
        return await recoveries.reject_cancellation(
            caller=caller, asked=asked, recovery_id=recovery_id, reason=said.reason
        )

    @router.post("/recoveries/{recovery_id}/write-off")
    async def ask_write_off(caller: Asking, asked: Asked, recovery_id: UUID, said: Rejection) -> RecoveryView:
        """Ask that what is open be written off, because it will not come in any more (申请核销余款)."""
        return await recoveries.ask_write_off(caller=caller, asked=asked, recovery_id=recovery_id, reason=said.reason)

    @router.post("/recoveries/{recovery_id}/write-off/approval")
    async def approve_write_off(caller: Approval, asked: Asked, recovery_id: UUID, _: Step) -> RecoveryView:
        """Write off what is open, which ends the recovery (批准核销余款)."""
        return await recoveries.approve_write_off(caller=caller, asked=asked, recovery_id=recovery_id)

    @router.post("/recoveries/{recovery_id}/receipts", status_code=201)
    async def receive(caller: Cashier, asked: Asked, recovery_id: UUID, said: Receipt) -> RecoveryView:
        """Record money that came in (收款), of all that is open or of a part of it."""
        return await receipts.record(caller=caller, asked=asked, recovery_id=recovery_id, **said.model_dump())

    @router.post("/recoveries/{recovery_id}/receipts/{receipt_id}/reversal")
    async def reverse(
        caller: Cashier, asked: Asked, recovery_id: UUID, receipt_id: UUID, said: Rejection
    ) -> RecoveryView:
        """Take back a receipt that was recorded by mistake (冲销)."""
        return await receipts.reverse(
            caller=caller, asked=asked, recovery_id=recovery_id, receipt_id=receipt_id, reason=said.reason
        )

    return router
