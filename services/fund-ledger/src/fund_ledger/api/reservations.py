"""Reservations over HTTP: what statements hold of the budget, and the two steps that let one through."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from fund_ledger.api.budgets import Rejection, Step
from fund_ledger.api.periods import Reason
from fund_ledger.usecases.reservations import Reservations, ReservationView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]


class Release(BaseModel):
    """Why a statement is to be paid beyond the budget."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: Reason


def reservations_router(reservations: Reservations) -> APIRouter:
    router = APIRouter(tags=["budget"])

    @router.get("/pools/{pool}/reservations")
    async def some(
        caller: Reader,
        pool: str,
        status: Literal["waiting", "reserved", "settled", "released"] | None = None,
        organization_id: UUID | None = None,
        approved_before: date | None = None,
        after: UUID | None = None,
    ) -> list[ReservationView]:
        """What statements hold, newest first (预算占用); `status=waiting` is what does not fit.

        With `approved_before` the first of January, what is `reserved` came over from earlier years.
        """
        return await reservations.some(
            caller=caller,
            pool=pool,
            status=status,
            organization_id=organization_id,
            approved_before=approved_before,
            after=after,
        )

    @router.get("/reservations/{statement_id}")
    async def one(caller: Reader, statement_id: UUID) -> ReservationView:
        return await reservations.one(caller=caller, statement_id=statement_id)

    @router.post("/reservations/{statement_id}/release")
    async def ask_release(caller: Accountant, asked: Asked, statement_id: UUID, why: Release) -> ReservationView:
        """Ask that it be paid beyond the budget (超预算放行申请)."""
        return await reservations.ask_release(caller=caller, asked=asked, statement_id=statement_id, reason=why.reason)

    @router.post("/reservations/{statement_id}/release/approval")
    async def release(caller: Accountant, asked: Asked, statement_id: UUID, _: Step) -> ReservationView:
        """Let it through (批准放行); never who asked."""
        return await reservations.release(caller=caller, asked=asked, statement_id=statement_id)

    @router.post("/reservations/{statement_id}/release/rejection")
    async def refuse_release(
        caller: Accountant, asked: Asked, statement_id: UUID, rejection: Rejection
    ) -> ReservationView:
        """Do not let it through (退回放行申请)."""
        return await reservations.refuse_release(
            caller=caller, asked=asked, statement_id=statement_id, reason=rejection.reason
        )

    return router
