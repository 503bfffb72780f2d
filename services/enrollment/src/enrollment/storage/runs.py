"""Contribution runs in the database: whom a month is due from, what stands due, and what came in."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.ids import new_id
from changhu_common.periods import Month
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.contribution import ContributionRule
from enrollment.storage import counties, marks
from enrollment.storage.coming_of_age import LAST_DAY
from enrollment.storage.rules_in_sql import CountedInSql, rule_as_json
from enrollment.storage.tables import contribution_run, due, due_rule, receipt, run_total

# Insured on a day of the month, alive on its first, and not in this run yet. Who changed category
# within the month is counted once, in the category that the month began with; county, marks and family account are
# those of the month's first day too.
_CANDIDATES = text(
    f"""
    CREATE TEMPORARY TABLE candidate ON COMMIT DROP AS
    SELECT DISTINCT ON (person.id) person.id AS person_id, coverage.category,
        {counties.of_everybody_on(":first")}, {marks.of_everybody_on(":first")},
        (SELECT base_fen FROM contribution_base
         WHERE coverage_id = coverage.id AND since <= :first ORDER BY since DESC LIMIT 1) AS base_fen
    FROM person
    JOIN coverage ON coverage.pool = person.pool AND coverage.person_id = person.id
        AND coverage.start <= :last AND ({LAST_DAY} IS NULL OR {LAST_DAY} >= :first)
    WHERE person.pool = :pool AND (person.died_on IS NULL OR person.died_on >= :first)
        AND NOT EXISTS (SELECT FROM due WHERE due.person_id = person.id AND due.run_id = :run)
    ORDER BY person.id, coverage.start
    """  # noqa: S608 (no part of it comes from outside)
)
_CASES = text("SELECT DISTINCT category, county, marks, family_account FROM candidate")
_OF_RULE = """
    FROM candidate
    JOIN jsonb_to_recordset(CAST(:cases AS jsonb)) AS counted
        (category text, county text, marks jsonb, family_account boolean, number int, rule_id uuid, period text)
        ON counted.category = candidate.category AND counted.county = candidate.county
        AND counted.marks = candidate.marks AND counted.family_account = candidate.family_account
"""
_WITHOUT_BASE = text(
    f"SELECT candidate.person_id {_OF_RULE} WHERE candidate.base_fen IS NULL ORDER BY candidate.person_id"
)
# What is summed is what is stored, whoever wrote it; what many owe alike is taken apart once.
_TOTALS = text(
    """
    INSERT INTO run_total (run_id, county, category, payer, period, due_fen, received_fen)
    SELECT :run, alike.county, alike.category, part.payer, min(alike.period), sum(part.fen * alike.persons), 0
    FROM (
        SELECT county, category, parts, min(period) AS period, count(*) AS persons
        FROM due WHERE run_id = :run GROUP BY county, category, parts
    ) AS alike
    CROSS JOIN LATERAL jsonb_to_recordset(alike.parts) AS part (payer text, fen bigint)
    GROUP BY alike.county, alike.category, part.payer
    ON CONFLICT (run_id, county, category, payer) DO UPDATE SET due_fen = EXCLUDED.due_fen
    """
)

# A run takes its turn alone, merges take theirs beside each other: whose dues a run stores are those of the records
# that it found, until it is through.
_TURN = "hashtextextended('contribution_run ' || :pool, 0)"
_TURN_OF_RUN = text(f"SELECT pg_advisory_xact_lock({_TURN})")
_TURN_OF_MERGE = text(f"SELECT pg_advisory_xact_lock_shared({_TURN})")

FIRST_ID = UUID(int=0)


async def wait_for_runs(connection: AsyncConnection, pool: str) -> None:
    """Let runs of a pool that are under way finish, and none begin before this transaction is through."""
    await connection.execute(_TURN_OF_MERGE, {"pool": pool})


async def open_run(connection: AsyncConnection, pool: str, month: Month) -> Row[Any]:
    """The run of a pool and month, made where there is none, locked; while it lasts no two records become one."""
    await connection.execute(_TURN_OF_RUN, {"pool": pool})
    await connection.execute(
        upsert(contribution_run)
        .values(id=new_id(), pool=pool, month=str(month), persons=0, due_fen=0)
        .on_conflict_do_nothing()
    )
    found = await connection.execute(
        select(contribution_run)
        .where(contribution_run.c.pool == pool, contribution_run.c.month == str(month))
        .with_for_update()
    )
    return found.one()


async def find_candidates(connection: AsyncConnection, run: Row[Any], month: Month) -> None:
    """Find who is still to be counted, with the base that holds in the month, for the rest of the transaction."""
    # A city's persons are sorted and joined once, in memory.
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))
    asked = {"run": run.id, "pool": run.pool, "first": month.first, "last": month.last}
    await connection.execute(_CANDIDATES, asked)
    await connection.execute(text("ANALYZE candidate"))


async def cases(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """The positions (category, county, marks, family account) that people still to be counted are in."""
    return (await connection.execute(_CASES)).all()


async def without_base(connection: AsyncConnection, cases: Sequence[Row[Any]]) -> list[UUID]:
    """Who in these positions has no base to count on."""
    return [row.person_id for row in await connection.execute(_WITHOUT_BASE, {"cases": _as_json(cases)})]


async def add_dues(
    connection: AsyncConnection, run: Row[Any], cases: Mapping[ContributionRule, Sequence[Row[Any]]]
) -> int:
    """Store what each rule finds due from everybody in its positions, once a person and period; how many were new."""
    if not cases:
        return 0
    kept = [{"id": new_id(), "pack_version": rule.pack_version, "rule": rule_as_json(rule)} for rule in cases]
    await insert_rows(connection, due_rule, kept)
    counted: list[str] = []
    words: dict[str, str] = {}
    positions: list[dict[str, Any]] = []
    for number, (rule, of_rule) in enumerate(cases.items()):
        by = CountedInSql.by(rule, number=number)
        counted.append(
            f"SELECT {by.base}, {by.total}, {by.parts} FROM (SELECT) AS one {by.amounts}"  # noqa: S608 (names are ours)
            f" WHERE counted.number = {number} AND {by.base_there}"
        )
        words.update(by.words)
        shared = {"number": number, "rule_id": str(kept[number]["id"]), "period": rule.period}
        positions += [{**case._mapping, **shared} for case in of_rule]
    # All in one statement: what is proved of its dues is proved once.
    statement = text(
        f"""
        INSERT INTO due (person_id, period, run_id, county, category, base_fen, due_fen, parts, rule_id)
        SELECT candidate.person_id, counted.period, :run, candidate.county, candidate.category,
            owed.base_fen, owed.due_fen, owed.parts, counted.rule_id
        {_OF_RULE}
        CROSS JOIN LATERAL ({" UNION ALL ".join(counted)}) AS owed (base_fen, due_fen, parts)
        WHERE NOT (
            candidate.person_id IN (SELECT survivor_id FROM merged_person) AND EXISTS (
                SELECT FROM merged_person AS twin
                JOIN due ON due.person_id = twin.person_id AND due.period = counted.period
                WHERE twin.survivor_id = candidate.person_id
            )
        )
        ON CONFLICT (person_id, period) DO NOTHING
        """  # noqa: S608 (names are ours)
    )
    asked = {"run": run.id, "cases": json.dumps(positions), **words}
    return (await connection.execute(statement, asked)).rowcount


def _as_json(cases: Sequence[Row[Any]]) -> str:
    return json.dumps([dict(each._mapping) for each in cases])


async def sum_up(connection: AsyncConnection, run_id: UUID) -> Row[Any]:
    """Set a run's totals to what its dues come to."""
    await connection.execute(_TOTALS, {"run": run_id})
    sums = select(func.count(), func.coalesce(func.sum(due.c.due_fen), 0)).where(due.c.run_id == run_id)
    persons, due_fen = (await connection.execute(sums)).one()
    changed = await connection.execute(
        update(contribution_run)
        .where(contribution_run.c.id == run_id)
        .values(persons=persons, due_fen=int(due_fen))
        .returning(contribution_run)
    )
    summed: Row[Any] = changed.one()
    return summed


async def get(connection: AsyncConnection, run_id: UUID, *, for_update: bool = False) -> Row[Any] | None:
    query = select(contribution_run).where(contribution_run.c.id == run_id)
    return (await connection.execute(query.with_for_update() if for_update else query)).one_or_none()


async def of_month(connection: AsyncConnection, pool: str, month: Month) -> Row[Any] | None:
    """The run of a pool and month, locked."""
    query = select(contribution_run).where(contribution_run.c.pool == pool, contribution_run.c.month == str(month))
    return (await connection.execute(query.with_for_update())).one_or_none()


async def totals(connection: AsyncConnection, run_id: UUID, scope: Scope) -> Sequence[Row[Any]]:
    query = select(run_total).where(run_total.c.run_id == run_id, within(scope, region=run_total.c.county))
    ordered = query.order_by(run_total.c.county, run_total.c.category, run_total.c.payer)
    return (await connection.execute(ordered)).all()


def outstanding_fen(total: Row[Any]) -> int:
    """What is still to come in on a total; below zero more came in than is due by now."""
    owed = total.due_fen + total.raised_fen - total.lowered_fen
    return int(owed - total.received_fen + total.refunded_fen)


async def add_receipts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store receipts and count them on their totals."""
    await connection.execute(insert(receipt), [dict(row) for row in rows])
    for row in rows:
        await connection.execute(
            update(run_total)
            .where(*(run_total.c[each] == row[each] for each in ("run_id", "county", "category", "payer")))
            .values(received_fen=run_total.c.received_fen + row["amount_fen"])
        )


async def dues_of(connection: AsyncConnection, persons: Collection[UUID]) -> Sequence[Row[Any]]:
    """What was found due from persons, the latest first, each with the rule that counted it."""
    query = select(due, due_rule.c.rule, due_rule.c.pack_version.label("rule_version"))
    query = query.outerjoin(due_rule, due_rule.c.id == due.c.rule_id).where(due.c.person_id.in_(persons))
    return (await connection.execute(query.order_by(due.c.period.desc(), due.c.person_id))).all()
