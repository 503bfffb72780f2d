"""Which records are one person's: enrollment merges two and may take it back, and every service follows.

A fact goes on being told of the record that it was recorded for. Whose it is follows from all merges
that are known, in whatever order they came. Where rows are asked for by record, `records` names all of a person's;
where they are added up by person, a row keeps both: `person_id` is the person, `merged_id` the merged record that
it was recorded for, None where that is the person himself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import any_, literal

from changhu_common.events.enrollment import Merge
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows

# A merge of merged records; an even number of steps leads two that are told of each other back to themselves,
# until it is told which of the two merges was taken back.
STEPS_MAX = 64

# There are thousands of merges where there are millions of people: all are worked out together.
_WORK_OUT = text(
    f"""
    WITH RECURSIVE way (person_id, at, steps) AS (
        SELECT person_id, into_id, 1 FROM merged_person WHERE NOT void
        UNION ALL
        SELECT way.person_id, next.into_id, steps + 1
        FROM way JOIN merged_person AS next ON next.person_id = way.at AND NOT next.void WHERE steps < {STEPS_MAX}
    ), led AS (
        SELECT DISTINCT ON (person_id) person_id, at FROM way ORDER BY person_id, steps DESC
    )
    UPDATE merged_person SET survivor_id = coalesce(led.at, known.person_id)
    FROM merged_person AS known LEFT JOIN led ON led.person_id = known.person_id
    WHERE known.person_id = merged_person.person_id
        AND merged_person.survivor_id <> coalesce(led.at, known.person_id)
    RETURNING merged_person.person_id, old.survivor_id AS before, new.survivor_id AS now
    """  # noqa: S608 (a number of ours)
)
_RECORDS = text(
    """
    SELECT person_id, survivor_id FROM merged_person
    WHERE survivor_id <> person_id AND survivor_id IN (
        SELECT coalesce(known.survivor_id, asked.id) FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
        LEFT JOIN merged_person AS known ON known.person_id = asked.id
    )
    """
)
# Where two merges lead is worked out one after the other.
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('merged_person', 0))")
_KEEP = """
    ON CONFLICT (person_id) DO UPDATE SET into_id = EXCLUDED.into_id, revision = EXCLUDED.revision, void = EXCLUDED.void
    WHERE merged_person.revision < EXCLUDED.revision
"""


def add_merged_persons(metadata: MetaData) -> Table:
    """Define the table of merged records in a service's metadata.

    `into_id` is what was told, `survivor_id` where all that was told leads: the record itself where it was undone.
    """
    table = Table(
        "merged_person",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("into_id", Uuid, nullable=False),
        Column("survivor_id", Uuid, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("void", Boolean, nullable=False),
    )
    Index("ix_merged_person_survivor_id", table.c.survivor_id)
    return table


@dataclass(frozen=True, slots=True, order=True)
class Moved:
    """A record that is another person's than before."""

    record_id: UUID
    before: UUID
    now: UUID


class MergedPersons:
    """The merges that a service knows."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, connection: AsyncConnection, merges: Sequence[Merge]) -> list[Moved]:
        """Keep what is newer than what is known; the records that change hands by it, in order of id."""
        if not merges:
            return []
        await connection.execute(_TAKE_TURNS)
        newest: dict[UUID, Merge] = {}
        for each in merges:
            if each.person_id not in newest or newest[each.person_id].revision < each.revision:
                newest[each.person_id] = each
        rows = [
            {
                "person_id": each.person_id,
                "into_id": each.survivor_id,
                "survivor_id": each.person_id,
                "revision": each.revision,
                "void": each.VOID,
            }
            for _, each in sorted(newest.items())
        ]
        await insert_rows(connection, self._table, rows, then=_KEEP)
        return sorted(Moved(row.person_id, row.before, row.now) for row in await connection.execute(_WORK_OUT))

    async def rehome(self, connection: AsyncConnection, table: Table, moved: Sequence[Moved]) -> None:
        """Give a table's rows (`person_id`, `merged_id`) of these records to whom they belong now.

        Nobody may add a row of a person meanwhile: the caller holds a lock that everybody shares who does.
        """
        if not moved:
            return
        await connection.execute(
            text(
                f"UPDATE {table.name} SET person_id = moved.now, merged_id = nullif(moved.record, moved.now)"  # noqa: S608
                " FROM unnest(CAST(:records AS uuid[]), CAST(:befores AS uuid[]), CAST(:nows AS uuid[]))"
                f" AS moved (record, before, now) WHERE {table.name}.person_id = moved.before"
                f" AND coalesce({table.name}.merged_id, {table.name}.person_id) = moved.record"
            ),
            {
                "records": [each.record_id for each in moved],
                "befores": [each.before for each in moved],
                "nows": [each.now for each in moved],
            },
        )

    async def survivors(self, connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Who those of the records are that are merged; who is missing is who he is."""
        merged = self._table.c
        asked = select(merged.person_id, merged.survivor_id).where(
            merged.person_id == any_(literal(list(ids), ARRAY(Uuid))), merged.survivor_id != merged.person_id
        )
        return {row.person_id: row.survivor_id for row in await connection.execute(asked)} if ids else {}

    async def survivor(self, connection: AsyncConnection, person_id: UUID) -> UUID:
        return (await self.survivors(connection, [person_id])).get(person_id, person_id)

    async def records(self, connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Every record of these persons (given by any record of theirs), with whose it is."""
        if not ids:
            return {}
        rows = await connection.execute(_RECORDS, {"ids": list(ids)})
        merged = {row.person_id: row.survivor_id for row in rows}
        persons = {merged.get(each, each) for each in ids}
        return {each: each for each in persons} | merged

    async def widened(self, connection: AsyncConnection, scope: Scope) -> Scope:
        """The scope of somebody who is known by one of his records: it opens all of them, and so for his wards."""
        if not scope.persons:
            return scope
        return replace(scope, persons=scope.persons | set(await self.records(connection, scope.persons)))
