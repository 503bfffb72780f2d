"""Reports over HTTP: as JSON, as an Excel file, or as a document to be signed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Annotated, Literal

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query, Response

from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.api.paper.reports import county_charts, month_charts
from fund_ledger.api.tables import Table, detail_table, months_table, report_table, reserve_table
from fund_ledger.domain.reports import Split
from fund_ledger.usecases.months import MONTHS_MAX, MonthlyReports, Months
from fund_ledger.usecases.reports import (
    LINES_LISTED_MAX,
    LINES_PRINTED_MAX,
    RESERVE_MONTHS,
    Days,
    Detail,
    Part,
    Report,
    Reports,
    Reserve,
)

Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]
Scheme = Literal["employees", "residents"]
# No fund's books reach beyond these years; a typing error does.
Day = Annotated[date, Query(ge=date(1900, 1, 1), le=date(2199, 12, 31))]
MonthText = Annotated[str, Query(pattern=r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])$")]

# Of an account's lines a file has all, as far as somebody can open it.
LINES_WHOLE: dict[str, int | None] = {"json": None, "xlsx": LINES_LISTED_MAX, "pdf": LINES_PRINTED_MAX}

SplitReport = Callable[[Split], Awaitable[Report]]


def reports_router(reports: Reports, monthly: MonthlyReports, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["reports"])

    async def told(form: Form, caller: Caller, made: SplitReport, split: Split, part: Part) -> Report | Response:
        """The report, or a file of it; a print has charts of the months up to its end, and of the counties."""
        report = await made(split)
        if form == "json":
            return report
        table = report_table(report)
        if form == "xlsx":
            return await as_file(form, [table], Made(caller.name, clock.now()))
        until = Month.of(report.until)
        since = min(Month.of(report.since or report.until), until.plus(1 - RESERVE_MONTHS))
        since = max(since, until.plus(1 - MONTHS_MAX))
        months = await monthly.months(caller=caller, pool=report.pool, since=since, until=until, part=part)
        by_county = await made("county")
        table = _drawn_later(table, months.anchor, by_county.anchor)
        charts = [*month_charts(months), *county_charts(by_county)]
        return await as_file(form, [table], Made(caller.name, clock.now()), charts)

    @router.get("/pools/{pool}/reports/balance-sheet", response_model=Report)
    async def balance_sheet(
        caller: Reader,
        pool: str,
        on: Day | None = None,
        compared_on: Day | None = None,
        county: str | None = None,
        scheme: Scheme | None = None,
        split: Split = "none",
        format: Form = "json",
    ) -> Report | Response:
        """The balance sheet (资产负债表) of a day, beside that of another."""
        part, day = Part(county, scheme), on or clock.today()

        async def made(split: Split) -> Report:
            return await reports.balance_sheet(
                caller=caller, pool=pool, on=day, compared_on=compared_on, split=split, part=part
            )

        return await told(format, caller, made, split, part)

    @router.get("/pools/{pool}/reports/income-statement", response_model=Report)
    async def income_statement(
        caller: Reader,
        pool: str,
        since: Day,
        until: Day,
        compared_since: Day | None = None,
        compared_until: Day | None = None,
        county: str | None = None,
        scheme: Scheme | None = None,
        split: Split = "none",
        format: Form = "json",
    ) -> Report | Response:
        """Income and expense (收支表) of a range of days, beside another; a year end's own journals do not count."""
        part, days, compared = Part(county, scheme), Days(since, until), _compared(compared_since, compared_until)

        async def made(split: Split) -> Report:
            return await reports.income_statement(
                caller=caller, pool=pool, days=days, compared=compared, split=split, part=part
            )

        return await told(format, caller, made, split, part)

    @router.get("/pools/{pool}/accounts/{account}/lines", response_model=Detail)
    async def lines(
        caller: Reader,
        pool: str,
        account: str,
        since: Day,
        until: Day,
        county: str | None = None,
        scheme: Scheme | None = None,
        after: str | None = None,
        format: Form = "json",
    ) -> Detail | Response:
        """An account's lines (科目明细账); `after` is `next_after` of the page before. A file has all that follow."""
        detail = await reports.detail(
            caller=caller,
            pool=pool,
            account=account,
            days=Days(since, until),
            after=after,
            part=Part(county, scheme),
            whole=LINES_WHOLE[format],
        )
        if format == "json":
            return detail
        table = detail_table(detail, first=after is None)
        return await as_file(format, [table], Made(caller.name, clock.now()))

    @router.get("/pools/{pool}/reports/months", response_model=Months)
    async def months(
        caller: Reader,
        pool: str,
        since: MonthText,
        until: MonthText,
        county: str | None = None,
        scheme: Scheme | None = None,
        format: Form = "json",
    ) -> Months | Response:
        """Income, expense, surplus and months of reserve (基金可支付月数) month by month."""
        found = await monthly.months(
            caller=caller,
            pool=pool,
            since=Month.parse(since),
            until=Month.parse(until),
            part=Part(county, scheme),
        )
        if format == "json":
            return found
        return await as_file(format, [months_table(found)], Made(caller.name, clock.now()), month_charts(found))

    @router.get("/pools/{pool}/reports/reserve", response_model=Reserve)
    async def reserve(caller: Reader, pool: str, on: Day | None = None, format: Form = "json") -> Reserve | Response:
        """Months of reserve (基金可支付月数) on a day; as a file with the whole months that it rests on."""
        day = on or clock.today()
        told = await reports.reserve(caller=caller, pool=pool, on=day)
        if format == "json":
            return told
        month = Month.of(day)
        found = await monthly.months(
            caller=caller, pool=pool, since=month.plus(-RESERVE_MONTHS), until=month.plus(-1), part=Part()
        )
        table = _drawn_later(reserve_table(told, found), found.anchor)
        return await as_file(format, [table], Made(caller.name, clock.now()), month_charts(found))

    return router


def _drawn_later(table: Table, *anchors: str | None) -> Table:
    """Something may have been booked between a table and its charts: then they say as of which entry they are."""
    others = sorted({anchor or "无" for anchor in anchors} - {table.anchor or "无"})
    return replace(table, notes=[*table.notes, *(f"图形截至账簿锚 {each}" for each in others)])


def _compared(since: date | None, until: date | None) -> Days | None:
    if since is None and until is None:
        return None
    if since is None or until is None:
        raise InvalidInput("对比期间须同时给出起止日期。", errors=[FieldError("compared_since", "起止须同时给出")])
    return Days(since, until)
