"""Months over HTTP: their checks, closing, opening again, and a year's clearing between counties."""

from typing import Annotated

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.periods import Month
from changhu_common.requests import Asked, MonthText
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from fund_ledger.api.clearing_table import clearing_table
from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.domain.periods import Check
from fund_ledger.usecases.periods import ClearingView, Periods, PeriodView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

Reason = Annotated[str, Field(min_length=1, max_length=500)]
Year = Annotated[int, Path(ge=2000, le=2999)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Step(_Body):
    """A step that says nothing but that it is taken."""


class Reopening(_Body):
    reason: Reason


def periods_router(periods: Periods, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["periods"])

    @router.get("/pools/{pool}/periods")
    async def some(caller: Reader, pool: str) -> list[PeriodView]:
        """The open month, then those that were closed (会计期间)."""
        return await periods.some(caller=caller, pool=pool)

    @router.get("/pools/{pool}/periods/{month}/checks")
    async def checks(caller: Reader, pool: str, month: MonthText) -> list[Check]:
        """What a closing would find now (结账检查)."""
        return await periods.checks(caller=caller, pool=pool, month=Month.parse(month))

    @router.post("/pools/{pool}/periods/{month}/closing")
    async def close(caller: Accountant, asked: Asked, pool: str, month: MonthText, _: Step) -> PeriodView:
        """Close the month (结账); December carries the year over."""
        return await periods.close(caller=caller, asked=asked, pool=pool, month=Month.parse(month))

    @router.post("/pools/{pool}/periods/{month}/reopening")
    async def ask_reopening(
        caller: Accountant, asked: Asked, pool: str, month: MonthText, reopening: Reopening
    ) -> PeriodView:
        """Ask for the last closed month to be opened again (反结账申请)."""
        return await periods.ask_reopening(
            caller=caller, asked=asked, pool=pool, month=Month.parse(month), reason=reopening.reason
        )

    @router.post("/pools/{pool}/periods/{month}/reopening/approval")
    async def reopen(caller: Accountant, asked: Asked, pool: str, month: MonthText, _: Step) -> PeriodView:
        """Open it again; never who asked (反结账批准)."""
        return await periods.reopen(caller=caller, asked=asked, pool=pool, month=Month.parse(month))

    @router.post("/pools/{pool}/periods/{month}/reopening/rejection")
    async def refuse_reopening(
        caller: Accountant, asked: Asked, pool: str, month: MonthText, rejection: Reopening
    ) -> PeriodView:
        """Leave it closed (退回反结账申请); who asked may withdraw it so."""
        return await periods.refuse_reopening(
            caller=caller, asked=asked, pool=pool, month=Month.parse(month), reason=rejection.reason
        )

    @router.get("/pools/{pool}/clearings/{year}", response_model=ClearingView)
    async def clearing(caller: Reader, pool: str, year: Year, format: Form = "json") -> ClearingView | Response:
        """How the counties' deficits of a year are covered (分县清算), county by county; as a file to be signed."""
        told = await periods.clearing(caller=caller, pool=pool, year=year)
        if format == "json":
            return told
        return await as_file(format, [clearing_table(told)], Made(caller.name, clock.now()))

    return router
