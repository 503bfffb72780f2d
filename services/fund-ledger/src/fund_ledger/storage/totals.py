"""What accounts come to on a day: read from the daily totals, never from millions of lines."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import BigInteger, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

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
