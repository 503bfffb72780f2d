"""Projections that were asked for, how far they are, and what was made of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.storage.tables import projection, projection_file

Found = Row[*tuple[Any, ...]]

# By the database's own time: a clock that stands still would never find anybody gone.
_TAKE = text(
    "UPDATE projection SET status = 'running', told_at = clock_timestamp(), done = 0 WHERE id = ("
    "SELECT id FROM projection WHERE status = 'waiting'"
    " OR status = 'running' AND told_at < clock_timestamp() - make_interval(secs => :silent)"
    " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *"
)


async def add(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, projection, [row])


async def one(connection: AsyncConnection, projection_id: UUID) -> Found | None:
    return (await connection.execute(select(projection).where(projection.c.id == projection_id))).one_or_none()


async def some(connection: AsyncConnection, *, pool: str, after: UUID | None, count: int) -> Sequence[Found]:
    """A pool's projections, newest first."""
    statement = select(projection).where(projection.c.pool == pool)
    if after is not None:
        statement = statement.where(projection.c.id < after)
    return (await connection.execute(statement.order_by(projection.c.id.desc()).limit(count))).all()


async def waiting(connection: AsyncConnection, pool: str) -> int:
    """How many of a pool are not made yet."""
    return (
        await connection.scalar(
            select(func.count()).where(projection.c.pool == pool, projection.c.status.in_(("waiting", "running")))
        )
        or 0
    )


async def take(connection: AsyncConnection, *, silent_seconds: float) -> Found | None:
    """The one that has waited longest, or whose maker has been silent so long; nobody else makes it now."""
    return (await connection.execute(_TAKE, {"silent": silent_seconds})).one_or_none()


async def tell(connection: AsyncConnection, projection_id: UUID, *, done: int, total: int, step: str) -> None:
    """Say how far it is."""
    await connection.execute(
        update(projection)
        .where(projection.c.id == projection_id, projection.c.status == "running")
        .values(done=done, total=total, step=step, told_at=func.clock_timestamp())
    )


async def end(
    connection: AsyncConnection,
    projection_id: UUID,
    *,
    status: str,
    made_at: datetime,
    problem: Mapping[str, Any] | None,
) -> bool:
    """Say what became of it; False where somebody else said so before."""
    result = await connection.execute(
        update(projection)
        .where(projection.c.id == projection_id, projection.c.status == "running")
        .values(status=status, made_at=made_at, problem=problem, step="", done=projection.c.total)
        .returning(projection.c.id)
    )
    return result.first() is not None


async def keep_files(connection: AsyncConnection, projection_id: UUID, files: Mapping[str, bytes]) -> None:
    rows = [{"projection_id": projection_id, "form": form, "content": content} for form, content in files.items()]
    await insert_rows(connection, projection_file, rows)


async def file(connection: AsyncConnection, projection_id: UUID, form: str) -> bytes | None:
    """What was made of it in a form; None where nothing was."""
    found: bytes | None = await connection.scalar(
        select(projection_file.c.content).where(
            projection_file.c.projection_id == projection_id, projection_file.c.form == form
        )
    )
    return found
