"""Contribution runs in the database: whom a month is due from, what stands due, and what came in."""

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

from enrollment.storage.tables import contribution_run, due, receipt, run_total

# Insured on a day of the month, alive on its first, and not in this run yet. Who changed category
# within the month is counted once, in the category that the month began with.
_DUE_FROM = """
    FROM person
    JOIN coverage ON coverage.person_id = person.id
        AND coverage.start <= :last AND (coverage."end" IS NULL OR coverage."end" >= :first)
    WHERE person.pool = :pool AND (person.died_on IS NULL OR person.died_on >= :first)
        AND NOT EXISTS (SELECT FROM due WHERE due.person_id = person.id AND due.run_id = :run)
"""
_CASES = text(f"SELECT DISTINCT coverage.category, person.county, person.marks, person.family_account {_DUE_FROM}")
_CANDIDATES = text(
    f"""
    SELECT DISTINCT ON (person.id) person.id, coverage.category, person.county, person.marks, person.family_account,
        (SELECT base_fen FROM contribution_base
         WHERE coverage_id = coverage.id AND since <= :first ORDER BY since DESC LIMIT 1) AS base_fen
    {_DUE_FROM} AND person.id > :after
    ORDER BY person.id, coverage.start LIMIT :limit
    """  # noqa: S608 (no part of it comes from outside)
)
# What is summed is what is stored, whoever wrote it.
_TOTALS = text(
    """
    INSERT INTO run_total (run_id, county, category, payer, period, due_fen, received_fen)
    SELECT due.run_id, due.county, due.category, part.payer, min(due.period), sum(part.fen), 0
    FROM due CROSS JOIN LATERAL jsonb_to_recordset(due.parts) AS part (payer text, fen bigint)
    WHERE due.run_id = :run
    GROUP BY due.run_id, due.county, due.category, part.payer
    ON CONFLICT (run_id, county, category, payer) DO UPDATE SET due_fen = EXCLUDED.due_fen
    """
)

FIRST_ID = UUID(int=0)


async def open_run(connection: AsyncConnection, pool: str, month: Month) -> Row[Any]:
    """The run of a pool and month, made where there is none, locked."""
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


def _asked(run: Row[Any], month: Month) -> dict[str, Any]:
    return {"run": run.id, "pool": run.pool, "first": month.first, "last": month.last}


async def cases(connection: AsyncConnection, run: Row[Any], month: Month) -> Sequence[Row[Any]]:
    """The positions (category, county, marks, family account) that people still to be counted are in."""
    return (await connection.execute(_CASES, _asked(run, month))).all()


async def candidates(
    connection: AsyncConnection, run: Row[Any], month: Month, *, after: UUID, limit: int
) -> Sequence[Row[Any]]:
    """Persons still to be counted, with the base that holds in the month, in the order of their ids."""
    return (await connection.execute(_CANDIDATES, {**_asked(run, month), "after": after, "limit": limit})).all()


async def add_dues(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store what is due, once a person and period; how many were new."""
    results = await insert_rows(connection, due, rows, then="ON CONFLICT (person_id, period) DO NOTHING")
    return sum(result.rowcount for result in results)


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
    return (
        await connection.execute(
            select(due).where(due.c.person_id.in_(persons)).order_by(due.c.period.desc(), due.c.person_id)
        )
    ).all()
