"""What else decides about a contribution on a day: the marks that hold, and whether a relative's account pays.

A mark without dated records holds on every day; an account pays from consent to revocation, while its holder lives.
"""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import hardship


def held_on(day: str) -> str:
    """The marks of the row `person` on a day, as JSON in order."""
    return f"""
        coalesce((
            SELECT jsonb_agg(DISTINCT mark ORDER BY mark) FROM (
                SELECT jsonb_array_elements_text(person.marks) AS mark
                EXCEPT SELECT kind FROM hardship WHERE hardship.person_id = person.id
                UNION SELECT kind FROM hardship WHERE hardship.person_id = person.id AND void_reason IS NULL
                    AND hardship.start <= {day} AND (hardship."end" IS NULL OR hardship."end" >= {day})
            ) AS held
        ), '[]')
    """  # noqa: S608 (no part of it comes from outside)


def paid_on(day: str) -> str:
    """Whether a relative's account pays for the row `person` on a day."""
    return f"""
        EXISTS (
            SELECT FROM family_account AS paying WHERE paying.person_id = person.id
                AND consented_on <= {day} AND (revoked_on IS NULL OR revoked_on >= {day})
                AND NOT EXISTS (SELECT FROM person AS holder WHERE holder.id = holder_id AND holder.died_on < {day})
        )
    """  # noqa: S608


def of_everybody_on(day: str) -> str:
    """`marks` and `family_account` of each row `person` on a day: only who has records is asked for them."""
    return f"""
        CASE WHEN person.id IN (SELECT person_id FROM hardship) THEN {held_on(day)} ELSE person.marks END AS marks,
        person.id IN (SELECT person_id FROM family_account) AND {paid_on(day)} AS family_account
    """  # noqa: S608


_SET = """
    UPDATE person SET marks = now.marks
    FROM (SELECT person.id, {held} AS marks FROM person WHERE {whose}) AS now
    WHERE person.id = now.id AND person.marks <> now.marks
"""
_OF_THESE = text(_SET.format(held=held_on(":today"), whose="id = ANY(CAST(:persons AS uuid[]))"))
# Only who has a record that the row's marks do not agree with is looked at.
_CHANGED = """
    pool = :pool AND id IN (
        SELECT dated.id FROM hardship JOIN person AS dated ON dated.pool = :pool AND dated.id = hardship.person_id
        WHERE void_reason IS NULL AND jsonb_exists(dated.marks, kind)
            <> (start <= :today AND ("end" IS NULL OR "end" >= :today))
    )
"""
_OF_POOL = text(_SET.format(held=held_on(":today"), whose=_CHANGED))
_OF_TODAY = text(
    f"""
    SELECT id, {held_on(":today")} AS marks, {paid_on(":today")} AS family_account
    FROM person WHERE id = ANY(CAST(:persons AS uuid[]))
        AND id IN (SELECT person_id FROM hardship UNION SELECT person_id FROM family_account)
    """  # noqa: S608 (no part of it comes from outside)
)


async def of_today(connection: AsyncConnection, persons: Collection[UUID], *, today: date) -> dict[UUID, Row[Any]]:
    """`marks` and `family_account` of those of these persons whose row may be of another day."""
    rows = await connection.execute(_OF_TODAY, {"persons": list(persons), "today": today})
    return {row.id: row for row in rows}


async def marks_with_days(connection: AsyncConnection, person_id: UUID) -> set[str]:
    """The marks of which a person has, or had, a record with days."""
    rows = await connection.execute(select(hardship.c.kind).where(hardship.c.person_id == person_id))
    return {row.kind for row in rows}


async def set_marks_of_day(connection: AsyncConnection, persons: Collection[UUID], *, today: date) -> None:
    """Let these persons' rows say the marks that hold today."""
    await connection.execute(_OF_THESE, {"persons": list(persons), "today": today})


async def set_marks_of_pool(connection: AsyncConnection, pool: str, *, today: date) -> None:
    """The same for everybody of a pool, because days come and go."""
    await connection.execute(_OF_POOL, {"pool": pool, "today": today})
