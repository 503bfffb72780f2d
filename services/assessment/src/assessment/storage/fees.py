"""Fees as they stand, and what they are decided from: the rounds and conclusions of many persons at once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Column, ColumnElement, Row, Uuid, any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.storage.tables import application, assignment, conclusion, fee, merged_person, recount, visit

AnyRow = Row[*tuple[Any, ...]]

_HOLD = {
    shared: text(
        f"SELECT pg_advisory_xact_lock{mode}(hashtextextended('fees:' || pool, 0))"  # noqa: S608 (names are ours)
        " FROM (SELECT unnest(CAST(:pools AS text[])) AS pool ORDER BY 1) AS ordered"
    )
    for shared, mode in ((True, "_shared"), (False, ""))
}
_WRITE = (
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f'"{column.name}" = EXCLUDED."{column.name}"' for column in fee.columns if column.name != "id")
)  # fmt: skip

_ASK = text("INSERT INTO recount (person_id) SELECT DISTINCT person_id FROM conclusion WHERE pool = :pool")
_TAKE = text(
    "DELETE FROM recount WHERE id IN (SELECT id FROM recount ORDER BY id LIMIT :rows_max FOR UPDATE SKIP LOCKED)"
    " RETURNING person_id"
)

# A fee with the record and the person of its application.
_FEES = (
    select(
        fee,
        application.c.person_id,
        func.coalesce(merged_person.c.survivor_id, application.c.person_id).label("whose"),
    )
    .join(application, application.c.id == fee.c.application_id)
    .outerjoin(merged_person, merged_person.c.person_id == application.c.person_id)
)


async def hold(connection: AsyncConnection, pools: Collection[str], *, shared: bool) -> None:
    """Until the transaction ends: `shared` for who decides fees of these pools, alone for who changes their values.

    So nobody decides by an old value while a new one is brought, and goes unnoticed by who brings it. Taken after
    every other lock.
    """
    if pools:
        await connection.execute(_HOLD[shared], {"pools": list(pools)})


async def persons_concluded(connection: AsyncConnection, applications: Collection[UUID]) -> Sequence[UUID]:
    """Whose conclusions these applications came to."""
    asked = select(conclusion.c.person_id).where(_among(conclusion.c.application_id, applications)).distinct()
    return (await connection.execute(asked)).scalars().all()


async def persons_of_pool(connection: AsyncConnection, pool: str, *, persons_max: int) -> Sequence[UUID]:
    """Whoever was concluded about in a pool, so many at most."""
    asked = select(conclusion.c.person_id).where(conclusion.c.pool == pool).distinct().limit(persons_max)
    return (await connection.execute(asked)).scalars().all()


async def ask_recount(connection: AsyncConnection, pool: str) -> None:
    """Queue everybody who was concluded about in a pool."""
    await connection.execute(_ASK, {"pool": pool})


async def take_recounts(connection: AsyncConnection, *, rows_max: int) -> set[UUID]:
    """Take some wishes from the queue; they come back if the transaction fails."""
    return set((await connection.execute(_TAKE, {"rows_max": rows_max})).scalars())


async def recounts_waiting(connection: AsyncConnection) -> int:
    return await connection.scalar(select(func.count()).select_from(recount)) or 0


async def versions(connection: AsyncConnection) -> Sequence[AnyRow]:
    """The pools in which somebody was concluded about, with the versions of the pack that decided the fees."""
    joined = conclusion.outerjoin(
        fee, (fee.c.application_id == conclusion.c.application_id) & (fee.c.round == conclusion.c.round)
    )
    asked = select(conclusion.c.pool, fee.c.pack_version).select_from(joined).distinct()
    return (await connection.execute(asked.order_by(conclusion.c.pool))).all()


async def concluded(connection: AsyncConnection, persons: Collection[UUID]) -> Sequence[AnyRow]:
    """Every conclusion of these persons with when it was applied for, in the order of each person's conclusions."""
    asked = (
        select(conclusion, application.c.applied_on)
        .join(application, application.c.id == conclusion.c.application_id)
        .where(_among(conclusion.c.person_id, persons))
        .order_by(conclusion.c.person_id, conclusion.c.place)
    )
    return (await connection.execute(asked)).all()


async def rounds(connection: AsyncConnection, applications: Collection[UUID]) -> Sequence[AnyRow]:
    """Each round of these applications in which somebody was there."""
    asked = (
        select(
            visit.c.application_id,
            visit.c.round,
            visit.c.visited_at,
            assignment.c.organization_id,
            application.c.pool,
            application.c.county,
            application.c.person_id,
        )
        .join(
            assignment,
            (assignment.c.application_id == visit.c.application_id) & (assignment.c.round == visit.c.round),
        )
        .join(application, application.c.id == visit.c.application_id)
        .where(_among(visit.c.application_id, applications))
        .order_by(visit.c.application_id, visit.c.round)
    )
    return (await connection.execute(asked)).all()


async def of_applications(connection: AsyncConnection, applications: Collection[UUID]) -> Sequence[AnyRow]:
    """The fees of these applications, in the order of their rounds."""
    asked = _FEES.where(_among(fee.c.application_id, applications)).order_by(fee.c.application_id, fee.c.round)
    return (await connection.execute(asked)).all()


async def write(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, fee, rows, then=_WRITE)


async def page(
    connection: AsyncConnection, *, pool: str, status: str | None, after: UUID | None, limit: int, scope: Scope
) -> Sequence[AnyRow]:
    """A pool's fees in scope, in order of their ids."""
    inside = within(scope, region=fee.c.county, organisation=fee.c.organization_id)
    query = _FEES.where(fee.c.pool == pool, inside).order_by(fee.c.id)
    if status is not None:
        query = query.where(fee.c.status == status)
    if after is not None:
        query = query.where(fee.c.id > after)
    return (await connection.execute(query.limit(limit))).all()


def _among(column: Column[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """As one array, however many they are."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))
