"""Manual journals before they are booked, and those that come again."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.drafts import Draft
from fund_ledger.domain.journal import Line
from fund_ledger.storage.tables import draft, recurring


def written(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines as they are kept with a draft."""
    return [
        {
            "account": line.account,
            "county": line.county,
            "scheme": line.scheme,
            "payer": line.payer,
            "organization_id": str(line.organization_id) if line.organization_id else None,
            "amount_fen": line.amount_fen,
        }
        for line in lines
    ]


def read(lines: Sequence[dict[str, Any]]) -> list[Line]:
    return [
        Line(**{**each, "organization_id": UUID(each["organization_id"]) if each["organization_id"] else None})
        for each in lines
    ]


async def add(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[UUID]:
    """Write drafts; returns those that were not there."""
    results = await insert_rows(connection, draft, rows, then="ON CONFLICT (id) DO NOTHING RETURNING id")
    return [row.id for result in results for row in result]


async def one(connection: AsyncConnection, draft_id: UUID, *, lock: bool = False) -> Any:
    """A draft's row; None where there is none."""
    statement = select(draft).where(draft.c.id == draft_id)
    return (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()


def as_draft(row: Any) -> Draft:
    return Draft(
        id=row.id,
        pool=row.pool,
        title=row.title,
        happened_on=row.happened_on,
        reason=row.reason,
        attachment=row.attachment,
        lines=read(row.lines),
        entered_by=row.entered_by,
        status=row.status,
        reverses=row.reverses,
        recurring_id=row.recurring_id,
    )


async def decide(connection: AsyncConnection, draft_id: UUID, **values: Any) -> None:
    await connection.execute(update(draft).where(draft.c.id == draft_id).values(values))


async def some(
    connection: AsyncConnection, *, pool: str, status: str | None, after: UUID | None, count: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """A pool's drafts, newest first; `after` is the last one of the page before."""
    conditions = [draft.c.pool == pool]
    if status:
        conditions.append(draft.c.status == status)
    if after:
        conditions.append(draft.c.id < after)
    return (await connection.execute(select(draft).where(*conditions).order_by(draft.c.id.desc()).limit(count))).all()


async def known(connection: AsyncConnection, ids: Collection[UUID]) -> set[UUID]:
    """Which of these drafts there are."""
    return set((await connection.execute(select(draft.c.id).where(draft.c.id == func.any(list(ids))))).scalars())


async def recurring_due(
    connection: AsyncConnection, today: date, *, pool: str | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """What comes again and has begun, of one pool or of all."""
    statement = select(recurring).where(recurring.c.first_month <= today)
    if pool is not None:
        statement = statement.where(recurring.c.pool == pool)
    return (await connection.execute(statement)).all()


async def recurring_of(connection: AsyncConnection, pool: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """What comes again in a pool, newest first."""
    statement = select(recurring).where(recurring.c.pool == pool).order_by(recurring.c.id.desc())
    return (await connection.execute(statement)).all()


async def one_recurring(connection: AsyncConnection, recurring_id: UUID, *, lock: bool = False) -> Any:
    """The row of one that comes again; None where there is none."""
    statement = select(recurring).where(recurring.c.id == recurring_id)
    return (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()


async def end_recurring(connection: AsyncConnection, recurring_id: UUID, last_month: date) -> None:
    await connection.execute(update(recurring).where(recurring.c.id == recurring_id).values(last_month=last_month))
