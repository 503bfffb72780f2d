"""Statements over HTTP: entry, review, approval, rejection, payment, and what stands in them."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.periods import Month
from changhu_common.requests import Asked, MonthText
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from settlement.usecases.closing import Closing
from settlement.usecases.statements import Moved, Statements
from settlement.usecases.views import PaidView, StatementDetail, StatementView, TransferView

Reader = Annotated[
    Caller,
    allow(
        Role.SETTLEMENT_ENTRY,
        Role.SETTLEMENT_REVIEW,
        Role.SETTLEMENT_APPROVAL,
        Role.CASHIER,
        Role.ACCOUNTANT,
        Role.AUDITOR,
        Role.PROVIDER_STAFF,
    ),
]

TEXT_CHARACTERS_MAX = 500
REFERENCE_CHARACTERS_MAX = 100
AMOUNT_FEN_MAX = 10**13


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewStatement(_Body):
    """The organisation and the month to close."""

    organization_id: UUID
    month: MonthText


class Step(_Body):
    """A step that says nothing but that it is taken."""


class Rejection(_Body):
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


class Payment(_Body):
    """What the bank confirmed."""

    bank_reference: str = Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX)
    paid_on: date


class TransferPayment(Payment):
    """What the bank confirmed of a transfer; `transfer_fen` is the amount that it moved."""

    transfer_fen: int = Field(ge=0, le=AMOUNT_FEN_MAX)


def statements_router(closing: Closing, statements: Statements, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["statements"])

    @router.post("/statements", status_code=201)
    async def close(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_ENTRY)], asked: Asked, new: NewStatement
    ) -> StatementView:
        """Close an organisation's month (结算录入)."""
        return await closing.close(
            caller=caller, asked=asked, organization_id=new.organization_id, month=Month.parse(new.month)
        )

    @router.get("/statements")
    async def some(
        caller: Reader,
        pool: str | None = None,
        month: MonthText | None = None,
        organization_id: UUID | None = None,
        status: str | None = None,
        budget: Literal["asked", "reserved", "exceeded"] | None = None,
        after: UUID | None = None,
    ) -> list[StatementView]:
        """Statements, newest first; `after` is the last one of the page before.

        `budget=exceeded` shows the approved ones that the budget cannot bear (超预算).
        """
        return await statements.some(
            caller=caller,
            pool=pool,
            month=month,
            organization_id=organization_id,
            status=status,
            budget=budget,
            after=after,
        )

    @router.get("/statements/{statement_id}")
    async def one(caller: Reader, statement_id: UUID, after: UUID | None = None) -> StatementDetail:
        """A statement with its payments, lines, adjustments and clauses."""
        return await statements.one(caller=caller, statement_id=statement_id, after=after)

    @router.post("/statements/{statement_id}/review")
    async def review(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_REVIEW)], asked: Asked, statement_id: UUID, _: Step
    ) -> StatementView:
        """Review (复核)."""
        return await statements.review(caller=caller, asked=asked, statement_id=statement_id)

    @router.post("/statements/{statement_id}/approval")
    async def approve(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_APPROVAL)], asked: Asked, statement_id: UUID, _: Step
    ) -> StatementView:
        """Approve (审批)."""
        return await statements.approve(caller=caller, asked=asked, statement_id=statement_id)

    @router.post("/statements/{statement_id}/rejection")
    async def reject(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_REVIEW, Role.SETTLEMENT_APPROVAL)],
        asked: Asked,
        statement_id: UUID,
        rejection: Rejection,
    ) -> StatementView:
        """Send back (退回)."""
        return await statements.reject(caller=caller, asked=asked, statement_id=statement_id, reason=rejection.reason)

    @router.get("/statements/{statement_id}/transfer")
    async def transfer(caller: Reader, statement_id: UUID) -> TransferView:
        """What the bank has to move for an approved statement (应拨金额): less what is offset, less the deposit."""
        return await statements.transfer(caller=caller, statement_id=statement_id, today=clock.today())

    @router.post("/statements/{statement_id}/payment")
    async def pay(
        caller: Annotated[Caller, allow(Role.CASHIER)], asked: Asked, statement_id: UUID, payment: TransferPayment
    ) -> PaidView:
        """Record that the bank paid (拨付)."""
        return await statements.pay(
            caller=caller,
            asked=asked,
            statement_id=statement_id,
            moved=Moved(**payment.model_dump()),
        )

    return router
