"""Suspensions for arrears (欠费暂停): each names the run that was not paid, so that paying it ends them."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.ids import new_id
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import person, suspension

# Who died, or is suspended on some of these days already, is left as it is.
_SUSPEND = text(
    """
    INSERT INTO suspension (id, person_id, start, reason, run_id)
    SELECT given.id, given.person_id, :start, :reason, :run
    FROM unnest(CAST(:ids AS uuid[]), CAST(:persons AS uuid[])) AS given (id, person_id)
    JOIN person ON person.id = given.person_id AND person.died_on IS NULL
    WHERE NOT EXISTS (
        SELECT FROM suspension AS known
        WHERE known.person_id = given.person_id AND coalesce(known."end", 'infinity') >= :start
    )
    RETURNING id, person_id
    """
)
_RESUME = text(
    """
    UPDATE suspension SET "end" = :end
    WHERE run_id = :run AND "end" IS NULL AND start <= :end AND person_id = ANY(CAST(:persons AS uuid[]))
    RETURNING id, person_id
    """
)


async def suspend(
    connection: AsyncConnection, persons: Collection[UUID], *, run_id: UUID, start: date, reason: str
) -> Mapping[UUID, UUID]:
    """Suspend these persons (their rows are locked) from a day on; the new suspensions by person."""
    said: dict[str, Any] = {"run": run_id, "start": start, "reason": reason}
    told = {**said, "persons": list(persons), "ids": [new_id() for _ in persons]}
    return {row.person_id: row.id for row in await connection.execute(_SUSPEND, told)}


async def resume(
    connection: AsyncConnection, persons: Collection[UUID], *, run_id: UUID, end: date
) -> Mapping[UUID, UUID]:
    """End the suspensions of a run for these persons (their rows are locked); the ended ones by person."""
    told = {"run": run_id, "end": end, "persons": list(persons)}
    return {row.person_id: row.id for row in await connection.execute(_RESUME, told)}


async def suspended(connection: AsyncConnection, run_id: UUID, scope: Scope, *, after: UUID, limit: int) -> list[UUID]:
    """Who is suspended for a run's arrears to this day, in the order of ids."""
    query = (
        select(suspension.c.person_id)
        .join(person, person.c.id == suspension.c.person_id)
        .where(suspension.c.run_id == run_id, suspension.c.end.is_(None), person.c.id > after)
        .where(within(scope, region=person.c.county))
    )
    return list((await connection.execute(query.order_by(person.c.id).limit(limit))).scalars())
