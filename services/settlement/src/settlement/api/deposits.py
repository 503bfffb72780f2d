"""Deposits over HTTP: what stands and what happened, release and forfeiture by three people."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from settlement.api.recoveries import Approval, Cashier
from settlement.api.statements import AMOUNT_FEN_MAX, TEXT_CHARACTERS_MAX, Payment, Reader, Rejection, Step
from settlement.usecases.deposit_views import DepositDecisionView, DepositHistory, DepositStanding
from settlement.usecases.deposits import Decided, Deposits

YEAR_MIN, YEAR_MAX = 2000, 2999


class NewDecision(BaseModel):
    """What the evaluation of an organisation comes to, for what was withheld in a year."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    outcome: Literal["release", "forfeiture"]
    year: int = Field(ge=YEAR_MIN, le=YEAR_MAX)
    amount_fen: int = Field(gt=0, le=AMOUNT_FEN_MAX)
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


def deposits_router(deposits: Deposits) -> APIRouter:
    router = APIRouter(tags=["deposits"])

    @router.get("/organizations/{organization_id}/deposit")
    async def standing(caller: Reader, organization_id: UUID) -> DepositStanding:
        """What an organisation's deposit stands at (保证金余额), year by year."""
        return await deposits.of_organisation(caller=caller, organization_id=organization_id)

    @router.get("/organizations/{organization_id}/deposit/history")
    async def history(caller: Reader, organization_id: UUID, after: UUID | None = None) -> DepositHistory:
        """What was withheld, released, forfeited and returned, newest first."""
        return await deposits.history(caller=caller, organization_id=organization_id, after=after)

    @router.post("/organizations/{organization_id}/deposit/decisions", status_code=201)
    async def enter(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_ENTRY)], asked: Asked, organization_id: UUID, new: NewDecision
    ) -> DepositDecisionView:
        """Enter what is released (返还) or forfeited (扣除) after the evaluation."""
        decided = Decided(**new.model_dump())
        return await deposits.enter(caller=caller, asked=asked, organization_id=organization_id, decided=decided)

    @router.get("/deposit-decisions")
    async def decisions(
        caller: Reader,
        pool: str | None = None,
        organization_id: UUID | None = None,
        status: Literal["entered", "approved", "paid", "rejected"] | None = None,
        after: UUID | None = None,
    ) -> list[DepositDecisionView]:
        """Releases and forfeitures, newest first; `after` is the last one of the page before."""
        return await deposits.decisions(
            caller=caller, pool=pool, organization_id=organization_id, status=status, after=after
        )

    @router.post("/deposit-decisions/{decision_id}/approval")
    async def approve(caller: Approval, asked: Asked, decision_id: UUID, _: Step) -> DepositDecisionView:
        """Approve (审批)."""
        return await deposits.approve(caller=caller, asked=asked, decision_id=decision_id)

    @router.post("/deposit-decisions/{decision_id}/rejection")
    async def reject(caller: Approval, asked: Asked, decision_id: UUID, said: Rejection) -> DepositDecisionView:
        """Send back (退回), also an approved release that was not paid."""
        return await deposits.reject(caller=caller, asked=asked, decision_id=decision_id, reason=said.reason)

    @router.post("/deposit-decisions/{decision_id}/payment")
    async def pay(caller: Cashier, asked: Asked, decision_id: UUID, payment: Payment) -> DepositDecisionView:
        """Record that the bank paid what is released (支付)."""
        return await deposits.pay(
            caller=caller,
            asked=asked,
            decision_id=decision_id,
            bank_reference=payment.bank_reference,
            paid_on=payment.paid_on,
        )

    return router
