"""Conclusions: their days change when a later one takes effect, what was concluded never does."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.merged_persons import Moved
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.storage.tables import MERGED, conclusion

AnyRow = Row[*tuple[Any, ...]]

# Below zero no place is anybody's.
_SET_ASIDE = text(
    "UPDATE conclusion SET void = true, place = -aside.number"
    " FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS aside (id, number) WHERE conclusion.id = aside.id"
)
_PUT_IN_ORDER = text(
    "UPDATE conclusion SET place = given.place"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:places AS integer[])) AS given (id, place) WHERE conclusion.id = given.id"
)


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


async def of_persons(connection: AsyncConnection, persons: Collection[UUID]) -> Sequence[AnyRow]:
    """All conclusions of several persons."""
    query = select(conclusion).where(conclusion.c.person_id.in_(persons)).order_by(conclusion.c.id)
    return (await connection.execute(query)).all()


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


async def set_aside(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Take conclusions out of force and out of their places, until they are put in order again."""
    await connection.execute(_SET_ASIDE, {"ids": list(ids)})


async def rehome(connection: AsyncConnection, handed: Sequence[Moved]) -> None:
    """Give conclusions to the persons whose records they were made for are now."""
    await MERGED.rehome(connection, conclusion, handed)


async def put_in_order(connection: AsyncConnection, places: Mapping[UUID, int]) -> None:
    await connection.execute(_PUT_IN_ORDER, {"ids": list(places), "places": list(places.values())})


async def let_stand(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Put conclusions that were set aside into force again, as they were."""
    await connection.execute(update(conclusion).where(conclusion.c.id.in_(ids)).values(void=False))
