"""Persons and what they are insured for, in the database: one by one under a lock, or many in a statement."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.errors import Conflict, NotFound
from changhu_common.events.enrollment import CoveragePeriod, PersonState, SuspendedPeriod
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import FromClause, Row, any_, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.merge_tables import MERGED
from enrollment.storage.tables import contribution_base, coverage, person, suspension

Rows = list[Row[Any]]


class RecordMerged(Conflict):
    """Nothing more is done on a record that was merged into another."""

    code = "person.merged"
    title = "该登记已合并"


@dataclass(frozen=True, slots=True)
class Insurance:
    """A person's coverage, its bases and the suspensions, each in order of days."""

    coverage: Rows = field(default_factory=list)
    bases: Rows = field(default_factory=list)
    suspensions: Rows = field(default_factory=list)


def _in(column: Any, values: Collection[Any]) -> Any:
    """One array parameter however many values, so that one statement is planned once."""
    return column == any_(literal(list(values), ARRAY(column.type)))


async def lock(connection: AsyncConnection, person_id: UUID, scope: Scope) -> Row[Any]:
    """The person's row, locked; NotFound where there is none in scope, RecordMerged where it is another's."""
    row = (await lock_records(connection, [person_id], scope))[person_id]
    await refuse_merged(connection, person_id)
    return row


async def refuse_merged(connection: AsyncConnection, person_id: UUID) -> None:
    if survivor := (await MERGED.survivors(connection, [person_id])).get(person_id):
        raise RecordMerged("该登记已并入另一条登记；请在保留的登记上办理。", survivor_id=str(survivor))


async def lock_records(connection: AsyncConnection, ids: Sequence[UUID], scope: Scope) -> dict[UUID, Row[Any]]:
    """Records by id, merged ones too, their rows locked in order; NotFound where one is missing in scope."""
    query = select(person).where(_in(person.c.id, ids), in_scope(scope)).order_by(person.c.id).with_for_update()
    found = {row.id: row for row in await connection.execute(query)}
    if found.keys() < set(ids):
        raise unknown_person()
    return found


async def hold(connection: AsyncConnection, person_id: UUID) -> Row[Any]:
    """A record's row, it and its survivor's locked, in scope or not: a person's money is decided one after another."""
    row = (await connection.execute(select(person).where(person.c.id == person_id).with_for_update())).one()
    await stand_ins(connection, [row])
    return row


async def stand_ins(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> dict[UUID, Row[Any]]:
    """For those of the records that are merged the rows of their survivors, locked."""
    of = await MERGED.survivors(connection, [row.id for row in rows])
    if not of:
        return {}
    query = select(person).where(_in(person.c.id, sorted(set(of.values())))).order_by(person.c.id).with_for_update()
    survivors = {row.id: row for row in await connection.execute(query)}
    return {record: survivors[survivor] for record, survivor in of.items()}


def unknown_person() -> NotFound:
    return NotFound("没有这位参保人，或不在您的权限范围内。")


def in_scope(scope: Scope, *, of: FromClause = person) -> Any:
    """The condition that a person's row, or an alias of it, is in scope."""
    return within(scope, region=of.c.county, person=of.c.id)


async def get(connection: AsyncConnection, ids: Collection[UUID], scope: Scope) -> Rows:
    """Persons in scope; whoever is known by one of his records sees the others too."""
    scope = await MERGED.widened(connection, scope)
    found = await connection.execute(select(person).where(_in(person.c.id, ids), in_scope(scope)).order_by(person.c.id))
    return list(found)


async def page(connection: AsyncConnection, *, pool: str, after: UUID | None, limit: int, scope: Scope) -> Rows:
    """Persons of a pool in the order of their ids."""
    query = select(person).where(person.c.pool == pool, in_scope(scope)).order_by(person.c.id).limit(limit)
    return list(await connection.execute(query if after is None else query.where(person.c.id > after)))


async def with_numbers(connection: AsyncConnection, indexes: Collection[bytes], scope: Scope) -> Rows:
    """The persons in scope whose number has one of these digests."""
    scope = await MERGED.widened(connection, scope)
    query = select(person).where(_in(person.c.resident_number_index, indexes), in_scope(scope))
    return list(await connection.execute(query.order_by(person.c.id)))


async def known(connection: AsyncConnection, pools: Collection[str], indexes: Collection[bytes]) -> Rows:
    """The persons of pools with these digests, in scope or not, locked: nobody is registered twice."""
    query = select(person).where(person.c.pool.in_(pools), _in(person.c.resident_number_index, indexes))
    return list(await connection.execute(query.order_by(person.c.id).with_for_update()))


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Add persons whom the pool does not know; the ids of those who were new."""
    results = await insert_rows(
        connection, person, rows, then="ON CONFLICT (pool, resident_number_index) DO NOTHING RETURNING id"
    )
    return {row.id for result in results for row in result}


async def add_coverage(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, coverage, rows)


async def set_bases(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set what coverages' contributions are counted on from a month on."""
    await insert_rows(
        connection,
        contribution_base,
        rows,
        then="ON CONFLICT (coverage_id, since) DO UPDATE SET base_fen = EXCLUDED.base_fen",
    )


async def end_coverages(connection: AsyncConnection, ends: Mapping[UUID, date]) -> None:
    await connection.execute(
        text(
            'UPDATE coverage SET "end" = ended.last_day'
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:ends AS date[])) AS ended (id, last_day)"
            " WHERE coverage.id = ended.id"
        ),
        {"ids": list(ends), "ends": list(ends.values())},
    )


async def insured_since(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, date]:
    """The first day on which each of these persons was ever insured."""
    query = select(coverage.c.person_id, func.min(coverage.c.start).label("day"))
    rows = await connection.execute(query.where(_in(coverage.c.person_id, ids)).group_by(coverage.c.person_id))
    return {row.person_id: row.day for row in rows}


async def set_marks(connection: AsyncConnection, marks: Mapping[UUID, Sequence[str]]) -> None:
    await connection.execute(
        text(
            "UPDATE person SET marks = given.marks"
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:marks AS jsonb[])) AS given (id, marks)"
            " WHERE person.id = given.id"
        ),
        {"ids": list(marks), "marks": [json.dumps(each) for each in marks.values()]},
    )


async def insurance(connection: AsyncConnection, ids: Collection[UUID]) -> defaultdict[UUID, Insurance]:
    """What persons are insured for, in three statements however many they are."""
    known: defaultdict[UUID, Insurance] = defaultdict(Insurance)
    for row in await connection.execute(
        select(coverage).where(_in(coverage.c.person_id, ids)).order_by(coverage.c.start)
    ):
        known[row.person_id].coverage.append(row)
    for row in await connection.execute(
        select(contribution_base, coverage.c.person_id)
        .join(coverage, coverage.c.id == contribution_base.c.coverage_id)
        .where(_in(coverage.c.person_id, ids))
        .order_by(contribution_base.c.since)
    ):
        known[row.person_id].bases.append(row)
    for row in await connection.execute(
        select(suspension).where(_in(suspension.c.person_id, ids)).order_by(suspension.c.start)
    ):
        known[row.person_id].suspensions.append(row)
    return known


async def next_revision(connection: AsyncConnection, ids: Iterable[UUID]) -> Mapping[UUID, Row[Any]]:
    """Count the revision of persons (locked by the caller) on; their rows as they are then."""
    changed = await connection.execute(
        update(person).where(_in(person.c.id, list(ids))).values(revision=person.c.revision + 1).returning(person)
    )
    return {row.id: row for row in changed}


def state(event: type[PersonState], row: Row[Any], insured: Insurance) -> PersonState:
    """The event that tells a person's whole state."""
    return event(
        person_id=row.id,
        pool=row.pool,
        county=row.county,
        revision=row.revision,
        coverage=tuple(
            CoveragePeriod(
                coverage_id=each.id,
                category=each.category,
                start=each.start,
                end=each.end,
                recognised_months=each.recognised_months or 0,
            )
            for each in insured.coverage
        ),
        suspensions=tuple(SuspendedPeriod(start=each.start, end=each.end) for each in insured.suspensions),
        died_on=row.died_on,
    )
