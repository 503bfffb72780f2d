"""Reports over HTTP, as JSON or as an Excel file."""

from datetime import date
from typing import Annotated, Literal

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Response

from fund_ledger.api.sheets import detail_sheet, report_sheet
from fund_ledger.domain.reports import Split
from fund_ledger.usecases.reports import Days, Detail, Part, Report, Reports, Reserve

Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]
Form = Literal["json", "xlsx"]
Scheme = Literal["employees", "residents"]


def reports_router(reports: Reports, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["reports"])

    @router.get("/pools/{pool}/reports/balance-sheet", response_model=Report)
    async def balance_sheet(
        caller: Reader,
        pool: str,
        on: date | None = None,
        compared_on: date | None = None,
        county: str | None = None,
        scheme: Scheme | None = None,
        split: Split = "none",
        format: Form = "json",
    ) -> Report | Response:
        """The balance sheet (资产负债表) of a day, beside that of another."""
        report = await reports.balance_sheet(
            caller=caller,
            pool=pool,
            on=on or clock.today(),
            compared_on=compared_on,
            split=split,
            part=Part(county, scheme),
        )
        return report_sheet(report) if format == "xlsx" else report

    @router.get("/pools/{pool}/reports/income-statement", response_model=Report)
    async def income_statement(
        caller: Reader,
        pool: str,
        since: date,
        until: date,
        compared_since: date | None = None,
        compared_until: date | None = None,
        county: str | None = None,
        scheme: Scheme | None = None,
        split: Split = "none",
        format: Form = "json",
    ) -> Report | Response:
        """Income and expense (收支表) of a range of days, beside another; a year end's own journals do not count."""
        report = await reports.income_statement(
            caller=caller,
            pool=pool,
            days=Days(since, until),
            compared=_compared(compared_since, compared_until),
            split=split,
            part=Part(county, scheme),
        )
        return report_sheet(report) if format == "xlsx" else report

    @router.get("/pools/{pool}/accounts/{account}/lines", response_model=Detail)
    async def lines(
        caller: Reader,
        pool: str,
        account: str,
        since: date,
        until: date,
        county: str | None = None,
        scheme: Scheme | None = None,
        after: str | None = None,
        format: Form = "json",
    ) -> Detail | Response:
        """An account's lines (科目明细账); `after` is `next_after` of the page before."""
        detail = await reports.detail(
            caller=caller,
            pool=pool,
            account=account,
            days=Days(since, until),
            after=after,
            part=Part(county, scheme),
        )
        return detail_sheet(detail) if format == "xlsx" else detail

    @router.get("/pools/{pool}/reports/reserve")
    async def reserve(caller: Reader, pool: str, on: date | None = None) -> Reserve:
        """Months of reserve (基金可支付月数)."""
        return await reports.reserve(caller=caller, pool=pool, on=on or clock.today())

    return router


def _compared(since: date | None, until: date | None) -> Days | None:
    if since is None and until is None:
        return None
    if since is None or until is None:
        raise InvalidInput("对比期间须同时给出起止日期。", errors=[FieldError("compared_since", "起止须同时给出")])
    return Days(since, until)
