"""The months that were closed, and what a closing has to look at."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.storage.tables import book, draft, journal, period


async def some(connection: AsyncConnection, pool: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """A pool's months that were closed at least once, newest first."""
    statement = select(period).where(period.c.pool == pool).order_by(period.c.month.desc())
    return (await connection.execute(statement)).all()


async def one(connection: AsyncConnection, pool: str, month: date) -> Row[*tuple[Any, ...]] | None:
    return (
        await connection.execute(select(period).where(period.c.pool == pool, period.c.month == month))
    ).one_or_none()


async def keep(connection: AsyncConnection, **values: Any) -> None:
    """Write how a month stands now."""
    statement = insert(period).values(values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["pool", "month"], set_=values))


async def change(connection: AsyncConnection, pool: str, month: date, **values: Any) -> None:
    await connection.execute(update(period).where(period.c.pool == pool, period.c.month == month).values(values))


async def open_from(connection: AsyncConnection, pool: str, day: date) -> None:
    """From this day on is open; the caller holds the pool's lock."""
    await connection.execute(update(book).where(book.c.pool == pool).values(open_from=day))


async def drafts_waiting(connection: AsyncConnection, pool: str, until: date) -> int:
    """Manual journals of a day or an earlier one that nobody decided."""
    return (
        await connection.scalar(
            select(func.count()).where(draft.c.pool == pool, draft.c.status == "entered", draft.c.happened_on <= until)
        )
        or 0
    )


async def parked(connection: AsyncConnection) -> int:
    """Events that could not be booked."""
    return await connection.scalar(text("SELECT count(*) FROM parked")) or 0


async def year_end_journals(connection: AsyncConnection, pool: str, on: date) -> list[Any]:
    """The journals of a year end that were not reversed, latest first."""
    reversing = journal.alias("reversing")
    rows = await connection.execute(
        select(journal.c.id)
        .outerjoin(reversing, reversing.c.reverses == journal.c.id)
        .where(
            journal.c.pool == pool,
            journal.c.accounting_on == on,
            journal.c.carries,
            journal.c.reverses.is_(None),
            reversing.c.id.is_(None),
        )
        .order_by(journal.c.sequence.desc())
    )
    return list(rows.scalars())
