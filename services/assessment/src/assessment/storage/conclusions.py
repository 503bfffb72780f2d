"""Conclusions: their days change when a later one takes effect, what was concluded never does."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.storage.tables import conclusion

AnyRow = Row[*tuple[Any, ...]]


async def of_person(connection: AsyncConnection, person_id: UUID) -> Sequence[AnyRow]:
    """All conclusions of a person, in the order in which they were made."""
    return (
        await connection.execute(
            select(conclusion).where(conclusion.c.person_id == person_id).order_by(conclusion.c.place)
        )
    ).all()


async def standing(connection: AsyncConnection, *, pool: str, on: date) -> Sequence[AnyRow]:
    """The people of each scale and grade on a day, where the grade reaches a benefit level; in order."""
    return (
        await connection.execute(
            select(
                conclusion.c.scale,
                conclusion.c.grade,
                func.array_agg(conclusion.c.person_id.distinct()).label("persons"),
            )
            .where(conclusion.c.pool == pool, conclusion.c.void.is_(False), conclusion.c.level.is_not(None))
            .where(conclusion.c.start <= on, conclusion.c.end >= on)
            .group_by(conclusion.c.scale, conclusion.c.grade)
            .order_by(conclusion.c.scale, conclusion.c.grade)
        )
    ).all()


async def find(connection: AsyncConnection, conclusion_id: UUID, *, scope: Scope) -> AnyRow | None:
    return (
        await connection.execute(
            select(conclusion).where(
                conclusion.c.id == conclusion_id,
                within(scope, region=conclusion.c.county, person=conclusion.c.person_id),
            )
        )
    ).one_or_none()


async def of_application(connection: AsyncConnection, application_id: UUID) -> Sequence[AnyRow]:
    return (
        await connection.execute(
            select(conclusion).where(conclusion.c.application_id == application_id).order_by(conclusion.c.round)
        )
    ).all()


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    await connection.execute(insert(conclusion).values(values))


async def revoke(connection: AsyncConnection, conclusion_id: UUID, *, on: date, reason: str) -> None:
    """Void it from its first day; its revision is raised with its days."""
    await connection.execute(
        update(conclusion)
        .where(conclusion.c.id == conclusion_id)
        .values(void=True, revoked_on=on, revocation_reason=reason)
    )


async def set_days(connection: AsyncConnection, conclusion_id: UUID, *, end: date, void: bool, revision: int) -> None:
    await connection.execute(
        update(conclusion).where(conclusion.c.id == conclusion_id).values(end=end, void=void, revision=revision)
    )
