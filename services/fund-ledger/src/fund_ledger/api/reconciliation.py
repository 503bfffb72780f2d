"""Reconciliation over HTTP: the three-way report of a month, and the tax bureau's file that it takes."""

from typing import Annotated

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.periods import Month
from changhu_common.requests import Asked, MonthText
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query, Request, Response

from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.api.reconciliation_tables import reconciliation_tables
from fund_ledger.usecases.reconciliation import Reconciliation, Reconciliations
from fund_ledger.usecases.tax_receipts import TaxComparison, TaxFileView, TaxReceipts

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]


def reconciliation_router(reconciliations: Reconciliations, taxes: TaxReceipts, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["reconciliation"])

    @router.get("/pools/{pool}/reconciliations/{month}", response_model=Reconciliation)
    async def report(caller: Reader, pool: str, month: MonthText, format: Form = "json") -> Reconciliation | Response:
        """Books, banks and the tax bureau side by side (三方对账), with the balance adjustments (余额调节表)."""
        told = await reconciliations.report(caller=caller, pool=pool, month=Month.parse(month))
        if format == "json":
            return told
        return await as_file(format, reconciliation_tables(told), Made(caller.name, clock.now()))

    @router.post("/pools/{pool}/tax-receipts/{month}", status_code=201)
    async def load(
        caller: Accountant,
        asked: Asked,
        request: Request,
        pool: str,
        month: MonthText,
        total_fen: Annotated[int | None, Query(ge=-(10**15), le=10**15, description="控制总额, 分")] = None,
    ) -> TaxFileView:
        """Take the tax bureau's file of a month (税务入库); a later one of the same month takes its place."""
        return await taxes.load(
            caller=caller,
            asked=asked,
            pool=pool,
            month=Month.parse(month),
            content=await request.body(),
            total_fen=total_fen,
        )

    @router.get("/pools/{pool}/tax-receipts/{month}")
    async def comparison(caller: Reader, pool: str, month: MonthText) -> TaxComparison:
        """The tax bureau's receipts beside what was booked of them."""
        return await taxes.comparison(caller=caller, pool=pool, month=Month.parse(month))

    return router
