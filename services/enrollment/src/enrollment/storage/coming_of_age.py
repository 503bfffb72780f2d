"""From which day on somebody is too old for a category: found out once by the sealed number, then looked up."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, Row, Uuid, and_, any_, exists, false, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import age_rule, coverage, person

# A coverage's last day by what was told of it and by the person's age, null where it is open.
LAST_DAY: Final = 'least(coverage."end", coverage.of_age_on - 1)'

_FOUND = text(
    "UPDATE coverage SET of_age_on = found.day"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:persons AS uuid[]), CAST(:days AS date[])) AS found (id, person_id, day)"
    " WHERE coverage.pool = :pool AND coverage.id = found.id AND coverage.person_id = found.person_id"
)


def _of_category(pool: str, category: str) -> ColumnElement[bool]:
    """The condition written out, so that the planner sees that the index answers it."""
    return and_(coverage.c.pool == pool, coverage.c.category == literal(category, literal_execute=True))


async def keep_rules(connection: AsyncConnection, pool: str, category: str, said: Sequence[Any]) -> None:
    """Forget of those who are not too old yet what was found out by other rules than these."""
    kept = select(age_rule.c.said).where(age_rule.c.pool == pool, age_rule.c.category == category)
    if await connection.scalar(kept) == list(said):
        return
    row = {"pool": pool, "category": category, "said": list(said)}
    then = "ON CONFLICT (pool, category) DO UPDATE SET said = EXCLUDED.said"
    await insert_rows(connection, age_rule, [row], then=then)
    not_ended = or_(coverage.c.end.is_(None), coverage.c.end != coverage.c.of_age_on - 1)
    known = update(coverage).where(_of_category(pool, category), coverage.c.of_age_on.is_not(None), not_ended)
    await connection.execute(known.values(of_age_on=None))


async def unknown(connection: AsyncConnection, pool: str, category: str, *, limit: int) -> Sequence[Row[Any]]:
    """Coverages of which nobody has found out yet when the person is too old, the number still sealed."""
    query = (
        select(coverage.c.id, coverage.c.person_id, person.c.resident_number)
        .join(person, and_(person.c.id == coverage.c.person_id, person.c.pool == coverage.c.pool))
        .where(_of_category(pool, category), coverage.c.of_age_on.is_(None))
    )
    found: Any = (await connection.execute(query.limit(limit))).all()
    return list(found)


async def keep(connection: AsyncConnection, pool: str, days: Mapping[UUID, tuple[UUID, date]]) -> None:
    """Keep for coverages, each with its person, from which day on the person is too old."""
    asked = {
        "pool": pool,
        "ids": list(days),
        "persons": [person_id for person_id, _ in days.values()],
        "days": [day for _, day in days.values()],
    }
    await connection.execute(_FOUND, asked)


async def to_end(
    connection: AsyncConnection, pool: str, category: str, *, today: date, limit: int
) -> Sequence[Row[Any]]:
    """Coverages of the living that last although the person is too old, the persons' rows locked in order."""
    lasts = or_(coverage.c.end.is_(None), coverage.c.end >= coverage.c.of_age_on)
    query = (
        select(coverage.c.id, coverage.c.person_id, coverage.c.end, coverage.c.of_age_on)
        .join(person, and_(person.c.id == coverage.c.person_id, person.c.pool == coverage.c.pool))
        .where(_of_category(pool, category), coverage.c.of_age_on <= today, lasts)
        # Whoever was too old from the first day on is for a clerk to void: no coverage ends before it begins.
        .where(coverage.c.start < coverage.c.of_age_on, person.c.died_on.is_(None))
    )
    waited = await connection.execute(query.order_by(person.c.id).limit(limit).with_for_update(of=person))
    # Asked again under the locks: what a clerk entered while they were waited for stays.
    lasting = query.where(coverage.c.id == any_(literal([row.id for row in waited], ARRAY(Uuid))))
    found: Any = (await connection.execute(lasting.order_by(person.c.id))).all()
    return list(found)


async def to_register(
    connection: AsyncConnection,
    scope: Scope,
    *,
    pool: str,
    categories: Sequence[str],
    until: date,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Coverages of the living who are too old by a day and not insured from that on, in the order of ids."""
    later = coverage.alias("later")
    goes_on = exists().where(
        later.c.person_id == coverage.c.person_id,
        later.c.id != coverage.c.id,
        or_(later.c.end.is_(None), later.c.end >= coverage.c.of_age_on),
    )
    query = (
        select(coverage, person.c.county)
        .join(person, and_(person.c.id == coverage.c.person_id, person.c.pool == coverage.c.pool))
        .where(or_(false(), *(_of_category(pool, each) for each in categories)), coverage.c.of_age_on <= until)
        .where(or_(coverage.c.end.is_(None), coverage.c.end >= coverage.c.of_age_on - 1), ~goes_on)
        .where(person.c.died_on.is_(None), within(scope, region=person.c.county))
        .order_by(coverage.c.id)
        .limit(limit)
    )
    found: Any = (await connection.execute(query if after is None else query.where(coverage.c.id > after))).all()
    return list(found)
