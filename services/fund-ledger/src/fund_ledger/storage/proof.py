"""What the whole of a pool's books can be checked by, in the database itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_YEARS = text(
    "SELECT year, count(*) AS vouchers, max(number) AS last FROM journal WHERE pool = :pool GROUP BY year ORDER BY year"
)
_DIFFERENT_DAYS = text(
    """
    SELECT accounting_on FROM (
        SELECT accounting_on, account, county, coalesce(scheme, '') AS scheme, sum(amount_fen) AS fen
        FROM line WHERE pool = :pool GROUP BY 1, 2, 3, 4
    ) AS summed FULL JOIN (
        SELECT accounting_on, account, county, scheme, sum(debit_fen - credit_fen) AS fen
        FROM daily_total WHERE pool = :pool GROUP BY 1, 2, 3, 4
    ) AS kept USING (accounting_on, account, county, scheme)
    WHERE summed.fen IS DISTINCT FROM kept.fen ORDER BY accounting_on LIMIT 1
    """
)


async def years(connection: AsyncConnection, pool: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """How many vouchers each year has, and the number of the last one."""
    return (await connection.execute(_YEARS, {"pool": pool})).all()


async def first_different_day(connection: AsyncConnection, pool: str) -> Any:
    """The first day whose totals are not the sum of its lines; None where there is none."""
    return await connection.scalar(_DIFFERENT_DAYS, {"pool": pool})
