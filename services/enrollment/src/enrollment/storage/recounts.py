"""A run's persons with what is known of the month by now, for the rest of a transaction.

Whom the same rule counts on the same base owes what he owed: those are set aside all at once, and only
the others are looked at one by one.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from changhu_common.periods import Month
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage import marks
from enrollment.storage.accounts import STANDS_BACK
from enrollment.storage.coming_of_age import LAST_DAY
from enrollment.storage.merge_tables import MERGED

# The month as it is known now, for those of a run; nothing where nobody is insured any more. A mark with dated
# records, and a relative's account, count where they hold on the month's first day, as base and category do.
# `as_it_was`: category and base are those of the due, and nothing but the due says what is owed.
_RECOUNT = text(
    f"""
    CREATE TEMPORARY TABLE recount ON COMMIT DROP AS
    SELECT person.id AS person_id, due.person_id AS record_id, due.period, due.county, due.rule_id,
        insured.category, insured.base_fen, {marks.of_everybody_on(":first")},
        due.category = insured.category AND (due.base_fen IS NULL OR due.base_fen = insured.base_fen)
            AND merged.person_id IS NULL AND person.id NOT IN (SELECT survivor_id FROM merged_person)
            AND person.id NOT IN (SELECT person_id FROM difference WHERE run_id = :run) AS as_it_was
    FROM due
    LEFT JOIN merged_person AS merged ON merged.person_id = due.person_id AND merged.survivor_id <> due.person_id
    JOIN person ON person.id = coalesce(merged.survivor_id, due.person_id)
    LEFT JOIN LATERAL (
        SELECT coverage.category,
            (SELECT base_fen FROM contribution_base
             WHERE coverage_id = coverage.id AND since <= :first ORDER BY since DESC LIMIT 1) AS base_fen
        FROM coverage
        WHERE coverage.person_id = person.id AND coverage.start <= :last
            AND ({LAST_DAY} IS NULL OR {LAST_DAY} >= :first)
            AND (person.died_on IS NULL OR person.died_on >= :first)
            AND NOT ({STANDS_BACK.format(same="period")})
        ORDER BY coverage.start LIMIT 1
    ) AS insured ON true
    WHERE due.run_id = :run AND (CAST(:persons AS uuid[]) IS NULL OR due.person_id = ANY(CAST(:persons AS uuid[])))
        AND NOT ({STANDS_BACK.format(same="run_id")})
    """  # noqa: S608 (no part of it comes from outside)
)
_POSITION = ("category", "county", "marks", "family_account", "rule_id")
_POSITIONS = text(
    f"""
    SELECT position.*, due_rule.rule FROM due_rule
    JOIN (SELECT DISTINCT {", ".join(_POSITION)} FROM recount WHERE as_it_was) AS position ON rule_id = due_rule.id
    """  # noqa: S608
)
_SET_ASIDE = text(
    """
    DELETE FROM recount USING jsonb_to_recordset(CAST(:positions AS jsonb)) AS same
        (category text, county text, marks jsonb, family_account boolean, rule_id uuid)
    WHERE as_it_was AND same.category = recount.category AND same.county = recount.county
        AND same.marks = recount.marks AND same.family_account = recount.family_account
        AND same.rule_id = recount.rule_id
    """
)
_PAGE = text("SELECT * FROM recount WHERE record_id > :after ORDER BY record_id LIMIT :limit")


async def begin(
    connection: AsyncConnection, run: Row[Any], month: Month, *, persons: Collection[UUID] | None
) -> Sequence[Row[Any]]:
    """Find what is known by now of a run's persons, all or these; the positions of those who are as they were."""
    # A city's persons are joined and sorted once, in memory.
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))
    wanted = None if persons is None else list(await MERGED.records(connection, persons))
    asked = {"run": run.id, "first": month.first, "last": month.last, "persons": wanted}
    await connection.execute(_RECOUNT, asked)
    await connection.execute(text("ANALYZE recount"))
    return (await connection.execute(_POSITIONS)).all()


async def set_aside(connection: AsyncConnection, positions: Sequence[Row[Any]]) -> None:
    """Leave out whoever is in one of these positions as he was."""
    said = [{name: getattr(each, name) for name in _POSITION} for each in positions]
    await connection.execute(_SET_ASIDE, {"positions": json.dumps(said, default=str)})
    await connection.execute(text("CREATE INDEX ON recount (record_id)"))


async def page(connection: AsyncConnection, *, after: UUID, limit: int) -> Sequence[Row[Any]]:
    """Who is left, once a person, in the order of the records' ids."""
    return (await connection.execute(_PAGE, {"after": after, "limit": limit})).all()
