"""What the whole of a pool's books can be checked by, in the database itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_YEARS = text(
    "SELECT year, count(*) AS vouchers, max(number) AS last FROM journal WHERE pool = :pool GROUP BY year ORDER BY year"
)
# A day's totals are told apart by everything that they are kept by. What is not hashed follows from what is: the
# lines' numbers from their order, the day of booking from its moment (where what was booked has a hash of its facts).
_DIFFERENT_DAYS = text(
    """
    SELECT accounting_on FROM (
        SELECT line.accounting_on, happened_on, carries, account, county, coalesce(scheme, '') AS scheme,
            sum(greatest(amount_fen, 0)) AS debit_fen, sum(greatest(-amount_fen, 0)) AS credit_fen
        FROM line JOIN journal USING (pool, sequence) WHERE pool = :pool GROUP BY 1, 2, 3, 4, 5, 6
    ) AS summed FULL JOIN (
        SELECT * FROM daily_total WHERE pool = :pool
    ) AS kept USING (accounting_on, happened_on, carries, account, county, scheme)
    WHERE (summed.debit_fen, summed.credit_fen) IS DISTINCT FROM (kept.debit_fen, kept.credit_fen)
    UNION ALL
    SELECT accounting_on FROM journal
    WHERE pool = :pool AND booked_on <> (booked_at AT TIME ZONE 'Asia/Shanghai')::date AND facts_hash <> ''
    UNION ALL
    SELECT min(accounting_on) FROM line WHERE pool = :pool GROUP BY sequence HAVING max(number) <> count(*)
    ORDER BY accounting_on LIMIT 1
    """
)


async def years(connection: AsyncConnection, pool: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """How many vouchers each year has, and the number of the last one."""
    return (await connection.execute(_YEARS, {"pool": pool})).all()


async def first_different_day(connection: AsyncConnection, pool: str) -> Any:
    """The first day whose totals are not the sum of its lines; None where there is none."""
    return await connection.scalar(_DIFFERENT_DAYS, {"pool": pool})
