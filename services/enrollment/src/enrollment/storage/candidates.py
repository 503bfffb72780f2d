"""Who may be one person with whom: found by keyed digests in the index, never by opening one name after another."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from sqlalchemy import ColumnElement, Row, and_, delete, exists, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.likeness import SIGNS
from enrollment.storage.merge_tables import likeness, likeness_wish, merge_candidate, merged_person
from enrollment.storage.merges import is_the_callers

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
# More than these of one name and phone are no sign of one person, but of an agent's phone.
ALIKE_MAX = 20

_TAKE = text(
    "DELETE FROM likeness_wish WHERE id = (SELECT id FROM likeness_wish ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING *"
)
_NEXT = text(
    """
    SELECT person.*, known.seen FROM (
        SELECT id, name, resident_number, phone FROM person
        WHERE pool = :pool AND id BETWEEN :first AND :last ORDER BY id LIMIT :limit
    ) AS person LEFT JOIN LATERAL (
        SELECT true AS seen FROM likeness WHERE likeness.person_id = person.id AND likeness.key = :key OFFSET 0
    ) AS known ON true
    """
)
# Each person is looked up by index, whatever the planner believes of a table that grows by the minute.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")
_KEEP = "ON CONFLICT (person_id) DO UPDATE SET " + ", ".join(f"{each} = EXCLUDED.{each}" for each in ("key", *SIGNS))
# Each sign by its own index. One number in two pools is one person in two pools: that is as it should be.
_OF_SIGN = (
    "(SELECT person_id, pool, born, number, '{sign}' AS sign FROM likeness AS same"
    " WHERE same.{sign} = seen.{sign} AND same.person_id <> seen.person_id AND same.key = seen.key LIMIT {limit})"
)
_PAIRS = text(
    "SELECT least(seen.person_id, other.person_id) AS person_id, greatest(seen.person_id, other.person_id) AS other_id,"  # noqa: S608
    " CASE WHEN seen.person_id < other.person_id THEN seen.pool ELSE other.pool END AS pool,"
    " CASE WHEN seen.person_id < other.person_id THEN other.pool ELSE seen.pool END AS other_pool,"
    " jsonb_agg(DISTINCT other.sign ORDER BY other.sign) AS signs"
    " FROM likeness AS seen CROSS JOIN LATERAL ("
    + " UNION ALL ".join(_OF_SIGN.format(sign=each, limit=ALIKE_MAX) for each in SIGNS)
    + ") AS other WHERE seen.person_id = ANY(CAST(:persons AS uuid[]))"
    " AND (seen.born, seen.number) <> (other.born, other.number) GROUP BY 1, 2, 3, 4"
)


async def ask_to_look(connection: AsyncConnection, pool: str, *, first: UUID = FIRST, last: UUID = LAST) -> None:
    """Wish that those of a pool who were not looked at yet are, from `first` to `last`."""
    await insert_rows(connection, likeness_wish, [{"pool": pool, "first": first, "last": last}])


async def look_again(connection: AsyncConnection, pool: str, person_id: UUID) -> None:
    """What a person is known by changed: forget what was alike, and look again."""
    await connection.execute(delete(likeness).where(likeness.c.person_id == person_id))
    await ask_to_look(connection, pool, first=person_id, last=person_id)


async def pools_under_other_keys(connection: AsyncConnection, key: str) -> Sequence[str]:
    return (await connection.execute(select(likeness.c.pool).where(likeness.c.key != key).distinct())).scalars().all()


async def take_wish(connection: AsyncConnection) -> Row[Any] | None:
    """The oldest wish; it comes back if the transaction fails."""
    return (await connection.execute(_TAKE)).one_or_none()


async def next_persons(connection: AsyncConnection, wish: Row[Any], *, key: str, limit: int) -> Sequence[Row[Any]]:
    """The next persons of a wish, in order of id; `seen` are those who were looked at under this key."""
    await connection.execute(_BY_INDEX)
    asked = {"pool": wish.pool, "first": wish.first, "last": wish.last, "key": key, "limit": limit}
    return sorted(await connection.execute(_NEXT, asked), key=lambda row: row.id)


async def keep_likenesses(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, likeness, rows, then=_KEEP)


async def pairs(connection: AsyncConnection, persons: Sequence[UUID]) -> Sequence[Row[Any]]:
    """With whom these persons have something in common."""
    await connection.execute(_BY_INDEX)
    return (await connection.execute(_PAIRS, {"persons": list(persons)})).all()


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put pairs on the list; of one that is on it, or was dismissed, only the signs are as they are now."""
    await insert_rows(
        connection,
        merge_candidate,
        rows,
        then="ON CONFLICT (person_id, other_id) DO UPDATE SET signs = EXCLUDED.signs"
        " WHERE merge_candidate.signs <> EXCLUDED.signs",
    )


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    pair = merge_candidate.c
    return and_(
        is_the_callers(scope, person_id=pair.person_id, pool=pair.pool),
        is_the_callers(scope, person_id=pair.other_id, pool=pair.other_pool),
    )


async def page(
    connection: AsyncConnection, scope: Scope, *, pool: str, status: str, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Pairs of which one stands in the pool and none is merged, in the order in which they were found."""
    pair = merge_candidate.c
    merged = exists().where(
        merged_person.c.person_id.in_((pair.person_id, pair.other_id)),
        merged_person.c.survivor_id != merged_person.c.person_id,
    )
    query = select(merge_candidate).where(
        pair.status == status, or_(pair.pool == pool, pair.other_pool == pool), ~merged, _in_scope(scope)
    )
    query = query if after is None else query.where(pair.id > after)
    return (await connection.execute(query.order_by(pair.id).limit(limit))).all()


async def get(connection: AsyncConnection, candidate_id: UUID, scope: Scope) -> Row[Any] | None:
    """A pair in scope, locked."""
    query = select(merge_candidate).where(merge_candidate.c.id == candidate_id, _in_scope(scope))
    return (await connection.execute(query.with_for_update())).one_or_none()


async def dismiss(connection: AsyncConnection, candidate_id: UUID, **decided: Any) -> Row[Any]:
    changed = update(merge_candidate).where(merge_candidate.c.id == candidate_id).values(status="dismissed", **decided)
    row: Row[Any] = (await connection.execute(changed.returning(merge_candidate))).one()
    return row
