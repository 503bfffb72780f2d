"""What accounts come to on a day: read from the daily totals, never from millions of lines."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from changhu_common.periods import Month
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import BigInteger, ColumnElement, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.periods import BookBalance
from fund_ledger.domain.reports import MonthMoved
from fund_ledger.storage.tables import daily_total


async def balances(
    connection: AsyncConnection,
    *,
    pool: str,
    on: date,
    by_county: bool,
    scope: Scope,
    as_happened: bool = False,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Debits and credits (fen) of each account up to a day: of its periods, or as it happened."""
    day = daily_total.c.happened_on if as_happened else daily_total.c.accounting_on
    columns = (daily_total.c.account, daily_total.c.county) if by_county else (daily_total.c.account,)
    return (
        await connection.execute(
            select(*columns, _sum(daily_total.c.debit_fen), _sum(daily_total.c.credit_fen))
            .where(daily_total.c.pool == pool, day <= on, within(scope, region=daily_total.c.county))
            .group_by(*columns)
            .order_by(*columns)
        )
    ).all()


def _sum(column: Any) -> Any:
    """The sum of bigints is numeric in PostgreSQL; fen stay ints."""
    return cast(func.sum(column), BigInteger).label(column.name)


async def by_book(
    connection: AsyncConnection,
    *,
    pool: str,
    until: date,
    since: date = date.min,
    with_carries: bool = True,
    scope: Scope | None = None,
    county: str | None = None,
    scheme: str | None = None,
) -> list[BookBalance]:
    """What each account comes to in each book over accounting days, both included; `carries` are a year end's."""
    columns = (daily_total.c.account, daily_total.c.county, daily_total.c.scheme)
    conditions = [daily_total.c.pool == pool, daily_total.c.accounting_on.between(since, until)]
    if not with_carries:
        conditions.append(daily_total.c.carries.is_(False))
    if scope is not None:
        conditions.append(within(scope, region=daily_total.c.county))
    rows = await _moved(connection, columns, conditions, county=county, scheme=scheme)
    return [
        BookBalance(account=row.account, county=row.county, scheme=row.scheme or None, fen=int(row.fen)) for row in rows
    ]


async def by_month(
    connection: AsyncConnection, *, pool: str, until: date, scope: Scope, county: str | None, scheme: str | None
) -> list[MonthMoved]:
    """What each account moved in each month of accounting days up to a day."""
    month = func.date_trunc("month", daily_total.c.accounting_on).label("month")
    columns = (month, daily_total.c.account, daily_total.c.carries)
    conditions = [
        daily_total.c.pool == pool,
        daily_total.c.accounting_on <= until,
        within(scope, region=daily_total.c.county),
    ]
    rows = await _moved(connection, columns, conditions, county=county, scheme=scheme)
    return [MonthMoved(Month.of(row.month), row.account, row.carries, int(row.fen)) for row in rows]


async def _moved(
    connection: AsyncConnection,
    columns: Sequence[ColumnElement[Any]],
    conditions: Sequence[ColumnElement[bool]],
    *,
    county: str | None,
    scheme: str | None,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Debits less credits (`fen`) by these columns, of one county or scheme where it is named."""
    named = {daily_total.c.county: county, daily_total.c.scheme: scheme}
    fen = func.sum(daily_total.c.debit_fen - daily_total.c.credit_fen).label("fen")
    wanted = [*conditions, *(column == value for column, value in named.items() if value is not None)]
    return (await connection.execute(select(*columns, fen).where(*wanted).group_by(*columns))).all()


async def first_day(connection: AsyncConnection, pool: str) -> date | None:
    """The first accounting day of a pool's books."""
    found: date | None = await connection.scalar(
        select(func.min(daily_total.c.accounting_on)).where(daily_total.c.pool == pool)
    )
    return found
