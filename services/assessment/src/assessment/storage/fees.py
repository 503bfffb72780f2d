"""Fees as they stand, and what they are decided from: the rounds and conclusions of many persons at once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.storage.tables import application, assignment, conclusion, fee, merged_person, visit

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
    asked = select(conclusion.c.person_id).where(conclusion.c.application_id.in_(applications)).distinct()
    return (await connection.execute(asked)).scalars().all()


async def persons_of_pool(connection: AsyncConnection, pool: str, *, after: UUID, persons_max: int) -> Sequence[UUID]:
    """The next persons of a pool who have conclusions, in order of id."""
    asked = select(conclusion.c.person_id).where(conclusion.c.pool == pool, conclusion.c.person_id > after).distinct()
    return (await connection.execute(asked.order_by(conclusion.c.person_id).limit(persons_max))).scalars().all()


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
        .where(conclusion.c.person_id.in_(persons))
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
        .where(visit.c.application_id.in_(applications))
        .order_by(visit.c.application_id, visit.c.round)
    )
    return (await connection.execute(asked)).all()


async def of_applications(connection: AsyncConnection, applications: Collection[UUID]) -> Sequence[AnyRow]:
    """The fees of these applications, in the order of their rounds."""
    asked = _FEES.where(fee.c.application_id.in_(applications)).order_by(fee.c.application_id, fee.c.round)
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
