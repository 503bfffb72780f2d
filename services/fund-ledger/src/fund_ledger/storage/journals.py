"""Journals and their lines in the database: written once, many at a time."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import BigInteger, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.journal import Journal
from fund_ledger.storage.tables import journal, line


async def add(connection: AsyncConnection, journals: Sequence[Journal]) -> list[Journal]:
    """Write those journals whose event was not booked yet, and return them."""
    results = await insert_rows(
        connection,
        journal,
        [
            {
                "id": each.id,
                "pool": each.pool,
                "title": each.title,
                "source": each.source,
                "source_event_id": each.source_event_id,
                "happened_on": each.happened_on,
                "booked_on": each.booked_on,
            }
            for each in journals
        ],
        then="ON CONFLICT (source_event_id) DO NOTHING RETURNING id",
    )
    new = {row.id for result in results for row in result}
    written = [each for each in journals if each.id in new]
    await insert_rows(
        connection,
        line,
        [
            {
                "journal_id": each.id,
                "pool": each.pool,
                "happened_on": each.happened_on,
                "account": of.account,
                "county": of.county,
                "scheme": of.scheme,
                "payer": of.payer,
                "organization_id": of.organization_id,
                "amount_fen": of.amount_fen,
            }
            for each in written
            for of in each.lines
        ],
    )
    return written


async def balances(
    connection: AsyncConnection, *, pool: str, on: date, by_county: bool, scope: Scope
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Debits, credits and balance (fen) of each account, over everything that happened up to a day."""
    columns = (line.c.account, line.c.county) if by_county else (line.c.account,)
    # The sum of bigints is numeric in PostgreSQL; fen stay ints.
    debit = cast(func.coalesce(func.sum(line.c.amount_fen).filter(line.c.amount_fen > 0), 0), BigInteger)
    credit = cast(func.coalesce(-func.sum(line.c.amount_fen).filter(line.c.amount_fen < 0), 0), BigInteger)
    return (
        await connection.execute(
            select(*columns, debit.label("debit_fen"), credit.label("credit_fen"))
            .where(line.c.pool == pool, line.c.happened_on <= on, within(scope, region=line.c.county))
            .group_by(*columns)
            .order_by(*columns)
        )
    ).all()


async def of_source(
    connection: AsyncConnection, *, source_event_id: UUID, scope: Scope
) -> tuple[Row[*tuple[Any, ...]], Sequence[Row[*tuple[Any, ...]]]] | None:
    """The journal that an event made, with its lines; None where there is none in scope."""
    head = (await connection.execute(select(journal).where(journal.c.source_event_id == source_event_id))).one_or_none()
    if head is None:
        return None
    lines = (
        await connection.execute(
            select(line).where(line.c.journal_id == head.id, within(scope, region=line.c.county)).order_by(line.c.id)
        )
    ).all()
    return (head, lines) if lines else None
