"""Everybody's contribution account in the database: dues, differences, receipts and refunds added up by cell."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, and_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.account import Cell, CellKey, CellTotal
from enrollment.storage.account_tables import correction, difference, person_receipt, refund
from enrollment.storage.merge_tables import MERGED, merged_person
from enrollment.storage.tables import due, run_total

# Both kinds of question ask by person; only one of them names the run, so each has its own statement.
_CELLS = """
    SELECT run_id, person_id, county, category, payer, min(period) AS period,
        sum(due) AS due_fen, sum(difference) AS difference_fen, sum(paid) AS paid_fen, sum(refunded) AS refunded_fen
    FROM (
        SELECT run_id, person_id, period, county, category, part.payer, part.fen AS due,
            0 AS difference, 0 AS paid, 0 AS refunded
        FROM due CROSS JOIN LATERAL jsonb_to_recordset(due.parts) AS part (payer text, fen bigint) WHERE {which}
        UNION ALL
        SELECT run_id, person_id, period, county, category, payer, 0, fen, 0, 0 FROM difference WHERE {which}
        UNION ALL
        SELECT run_id, person_id, NULL, county, category, payer, 0, 0, amount_fen, 0 FROM person_receipt WHERE {which}
        UNION ALL
        SELECT run_id, person_id, NULL, county, category, payer, 0, 0, 0, amount_fen FROM refund
        WHERE {which} AND approved_by IS NOT NULL
    ) AS entry
    GROUP BY run_id, person_id, county, category, payer
    ORDER BY run_id, person_id, county, category, payer
"""
_OF_RUN = text(_CELLS.format(which="run_id = :run AND person_id = ANY(CAST(:persons AS uuid[]))"))
_OF_PERSONS = text(_CELLS.format(which="person_id = ANY(CAST(:persons AS uuid[]))"))

# Of several dues of one person for the same run or period the survivor's own stands; else that of the first record.
STANDS_BACK = """
    merged.person_id IS NOT NULL AND (
        EXISTS (SELECT FROM due AS own WHERE own.person_id = merged.survivor_id AND own.{same} = due.{same})
        OR EXISTS (SELECT FROM merged_person AS twin JOIN due AS own ON own.person_id = twin.person_id
            WHERE twin.survivor_id = merged.survivor_id AND twin.person_id < due.person_id AND own.{same} = due.{same})
    )
"""
# Cells that nothing was due in before come first: what is proposed to be inserted must hold by itself.
_OPEN_CELLS = text(
    """
    INSERT INTO run_total (run_id, county, category, payer, period, due_fen, received_fen)
    SELECT run_id, county, category, payer, min(period), 0, 0
    FROM difference WHERE correction_id = :correction GROUP BY run_id, county, category, payer
    ON CONFLICT (run_id, county, category, payer) DO NOTHING
    """
)
_COUNT_DIFFERENCES = text(
    """
    UPDATE run_total SET raised_fen = raised_fen + found.raised, lowered_fen = lowered_fen + found.lowered
    FROM (
        SELECT run_id, county, category, payer,
            coalesce(sum(fen) FILTER (WHERE fen > 0), 0) AS raised,
            coalesce(-sum(fen) FILTER (WHERE fen < 0), 0) AS lowered
        FROM difference WHERE correction_id = :correction GROUP BY run_id, county, category, payer
    ) AS found
    WHERE (run_total.run_id, run_total.county, run_total.category, run_total.payer)
        = (found.run_id, found.county, found.category, found.payer)
    """
)
_TOTALS = text(
    """
    SELECT run_total.*, coalesce((
        SELECT sum(amount_fen) FROM person_receipt AS named
        WHERE named.run_id = run_total.run_id AND named.county = run_total.county
            AND named.category = run_total.category AND named.payer = run_total.payer
    ), 0) - coalesce((
        SELECT sum(amount_fen) FROM refund AS back
        WHERE back.run_id = run_total.run_id AND back.county = run_total.county
            AND back.category = run_total.category AND back.payer = run_total.payer AND back.approved_by IS NOT NULL
            AND EXISTS (SELECT FROM person_receipt AS named WHERE named.run_id = back.run_id
                AND named.category = back.category AND named.payer = back.payer AND (named.person_id = back.person_id
                    OR named.person_id IN (SELECT person_id FROM merged_person WHERE survivor_id = back.person_id)))
    ), 0) AS named_fen
    FROM run_total WHERE run_id = :run
    """
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's cells of one run, over all records of the person."""

    run_id: UUID
    person_id: UUID
    period: str
    cells: Sequence[Cell]

    @property
    def owed_fen(self) -> int:
        return sum(cell.owed_fen for cell in self.cells)


def _accounts(rows: Sequence[Row[Any]], whose: Mapping[UUID, UUID]) -> list[Account]:
    """Cells by run and person; `whose` says which person a record is."""
    grouped: defaultdict[tuple[UUID, UUID], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.run_id, whose[row.person_id]].append(row)
    return [
        Account(
            run_id=run_id,
            person_id=person_id,
            period=next((row.period for row in of_person if row.period), ""),
            cells=_cells(of_person),
        )
        for (run_id, person_id), of_person in grouped.items()
    ]


def _cells(rows: Sequence[Row[Any]]) -> list[Cell]:
    """The cells of one person, whose records may have the same ones."""
    found: dict[CellKey, Cell] = {}
    for row in rows:
        key = CellKey(row.county, row.category, row.payer)
        known = found.get(key, Cell(key=key))
        found[key] = Cell(
            key=key,
            due_fen=known.due_fen + int(row.due_fen),
            difference_fen=known.difference_fen + int(row.difference_fen),
            paid_fen=known.paid_fen + int(row.paid_fen),
            refunded_fen=known.refunded_fen + int(row.refunded_fen),
        )
    return [found[key] for key in sorted(found)]


async def of_run(connection: AsyncConnection, run_id: UUID, persons: Collection[UUID]) -> dict[UUID, Account]:
    """What these persons owe and paid in a run, by the records that were asked for."""
    whose = await MERGED.records(connection, persons)
    rows = (await connection.execute(_OF_RUN, {"run": run_id, "persons": list(whose)})).all()
    found = {each.person_id: each for each in _accounts(rows, whose)}
    return {each: found[whose[each]] for each in persons if whose[each] in found}


async def of_person(connection: AsyncConnection, person_id: UUID) -> list[Account]:
    """Everything a person owed and paid, the latest period first."""
    whose = await MERGED.records(connection, [person_id])
    accounts = _accounts((await connection.execute(_OF_PERSONS, {"persons": list(whose)})).all(), whose)
    return sorted(accounts, key=lambda each: each.period, reverse=True)


async def persons_of_run(
    connection: AsyncConnection, run_id: UUID, scope: Scope, *, after: UUID, limit: int
) -> Sequence[UUID]:
    """Whose dues a run has, in the order of their ids; of two records of one person that whose due stands."""
    merged = merged_person.alias("merged")
    twin = and_(merged.c.person_id == due.c.person_id, merged.c.survivor_id != due.c.person_id)
    query = select(due.c.person_id).outerjoin(merged, twin).where(due.c.run_id == run_id, due.c.person_id > after)
    stands = text(f"NOT ({STANDS_BACK.format(same='run_id')})")
    found = query.where(within(scope, region=due.c.county), stands).order_by(due.c.person_id).limit(limit)
    return (await connection.execute(found)).scalars().all()


async def totals(connection: AsyncConnection, run_id: UUID) -> dict[CellKey, CellTotal]:
    """A run's cells over everybody."""
    found = {}
    for row in await connection.execute(_TOTALS, {"run": run_id}):
        key = CellKey(row.county, row.category, row.payer)
        found[key] = CellTotal(
            key=key,
            owed_fen=row.due_fen + row.raised_fen - row.lowered_fen,
            received_fen=row.received_fen - row.refunded_fen,
            named_fen=int(row.named_fen),
        )
    return found


async def open_correction(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, correction, [{**row, "persons": 0, "raised_fen": 0, "lowered_fen": 0}])


async def add_differences(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, difference, rows)


async def close_correction(connection: AsyncConnection, correction_id: UUID, sums: Mapping[str, int]) -> None:
    """Count a correction's differences on the run's totals."""
    await connection.execute(update(correction).where(correction.c.id == correction_id).values(**sums))
    for statement in (_OPEN_CELLS, _COUNT_DIFFERENCES):
        await connection.execute(statement, {"correction": correction_id})


async def add_person_receipts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, person_receipt, rows)


async def add_refund(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, refund, [row])


async def get_refund(connection: AsyncConnection, refund_id: UUID, scope: Scope, *, lock: bool = False) -> Any:
    query = select(refund).where(refund.c.id == refund_id, within(scope, region=refund.c.county))
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def refunds(connection: AsyncConnection, run_id: UUID, scope: Scope) -> Sequence[Row[Any]]:
    query = select(refund).where(refund.c.run_id == run_id, within(scope, region=refund.c.county))
    return (await connection.execute(query.order_by(refund.c.id))).all()


async def periods(connection: AsyncConnection, run_id: UUID) -> dict[CellKey, str]:
    """Which period each cell of a run pays for."""
    rows = await connection.execute(select(run_total).where(run_total.c.run_id == run_id))
    return {CellKey(row.county, row.category, row.payer): row.period for row in rows}


async def approve_refund(connection: AsyncConnection, found: Row[Any], *, approved_by: str, refunded_on: date) -> None:
    """Store that a refund was paid, and count it on its total."""
    values = {"approved_by": approved_by, "refunded_on": refunded_on}
    await connection.execute(update(refund).where(refund.c.id == found.id).values(**values))
    of_cell = [run_total.c[each] == getattr(found, each) for each in ("run_id", "county", "category", "payer")]
    more = {"refunded_fen": run_total.c.refunded_fen + found.amount_fen}
    await connection.execute(update(run_total).where(*of_cell).values(**more))
