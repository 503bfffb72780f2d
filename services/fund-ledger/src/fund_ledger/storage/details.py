"""An account's lines in the order of its days, a page at a time."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, Row, and_, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.pages import AfterEntry
from fund_ledger.storage.tables import journal, line

_ORDER = (line.c.accounting_on, line.c.sequence, line.c.number)


def _wanted(
    pool: str, account: str, since: date, until: date, scope: Scope, county: str | None, scheme: str | None
) -> ColumnElement[bool]:
    conditions = [
        line.c.pool == pool,
        line.c.account == account,
        line.c.accounting_on.between(since, until),
        within(scope, region=line.c.county),
    ]
    if county is not None:
        conditions.append(line.c.county == county)
    if scheme is not None:
        conditions.append(line.c.scheme == scheme)
    return and_(*conditions)


async def lines(
    connection: AsyncConnection, *, after: AfterEntry | None, count: int, **wanted: Any
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The lines behind a place, with their journals' vouchers."""
    condition = _wanted(**wanted)
    if after is not None:
        condition = and_(condition, tuple_(*_ORDER) > _values(after))
    return (
        await connection.execute(
            select(line, journal.c.year, journal.c.number.label("voucher"), journal.c.title, journal.c.happened_on)
            .join(journal, (journal.c.pool == line.c.pool) & (journal.c.sequence == line.c.sequence))
            .where(condition)
            .order_by(*_ORDER)
            .limit(count)
        )
    ).all()


async def sum_until(connection: AsyncConnection, *, place: AfterEntry, **wanted: Any) -> int:
    """What the lines up to a place come to, in fen."""
    return int(
        await connection.scalar(
            select(func.coalesce(func.sum(line.c.amount_fen), 0)).where(
                _wanted(**wanted), tuple_(*_ORDER) <= _values(place)
            )
        )
        or 0
    )


def _values(place: AfterEntry) -> Any:
    return tuple_(place.day, place.sequence, place.number)
