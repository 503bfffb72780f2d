"""Booked journals over HTTP: listed by what somebody looks for, and printed as they are filed."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.errors import NotFound
from changhu_common.roles import Caller, Role
from changhu_policies.accounting import Account, chart
from fastapi import APIRouter, Query, Response

from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.api.reports import Day, Scheme
from fund_ledger.api.voucher_tables import filed_tables, journal_book_table, voucher_table
from fund_ledger.domain.pages import SEQUENCE_MAX
from fund_ledger.usecases.reports import Days, Part
from fund_ledger.usecases.vouchers import (
    VOUCHERS_LISTED_MAX,
    VOUCHERS_PRINTED_MAX,
    Sought,
    Voucher,
    VoucherPage,
    Vouchers,
)

Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

WHOLE: dict[str, int | None] = {"json": None, "xlsx": VOUCHERS_LISTED_MAX, "pdf": VOUCHERS_PRINTED_MAX}


def vouchers_router(vouchers: Vouchers, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["books"])

    @router.get("/accounts")
    async def accounts(_: Reader) -> list[Account]:
        """The chart of accounts (科目表)."""
        return list(chart().accounts.values())

    @router.get("/pools/{pool}/journals", response_model=VoucherPage)
    async def some(
        caller: Reader,
        pool: str,
        since: Day,
        until: Day,
        account: str | None = None,
        county: str | None = None,
        scheme: Scheme | None = None,
        organization_id: UUID | None = None,
        source: Annotated[str | None, Query(max_length=100)] = None,
        after: Annotated[int, Query(ge=0, le=SEQUENCE_MAX)] = 0,
        format: Form = "json",
    ) -> VoucherPage | Response:
        """Vouchers of some accounting days (凭证查询); a workbook has their lines (序时账), a print each voucher."""
        page = await vouchers.some(
            caller=caller,
            pool=pool,
            days=Days(since, until),
            sought=Sought(account, organization_id, source),
            part=Part(county, scheme),
            after=after,
            whole=WHOLE[format],
        )
        if format == "json":
            return page
        if format == "pdf" and not page.vouchers:
            raise NotFound("所选期间和条件下没有凭证可打印。")
        tables = filed_tables(page) if format == "pdf" else [journal_book_table(page)]
        return await as_file(format, tables, Made(caller.name, clock.now()))

    @router.get("/journals/{journal_id}", response_model=Voucher)
    async def one(caller: Reader, journal_id: UUID, format: Literal["json", "pdf"] = "json") -> Voucher | Response:
        """A voucher (记账凭证), or its print."""
        found = await vouchers.one(caller=caller, journal_id=journal_id)
        if format == "json":
            return found
        return await as_file(format, [voucher_table(found)], Made(caller.name, clock.now()))

    return router
