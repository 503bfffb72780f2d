"""Reports and conflicts in the database, many rows in a statement."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, Table, any_, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UuidType
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.reported import KnownFact
from enrollment.storage.report_tables import conflict, fact_import


async def known_facts(
    connection: AsyncConnection, table: Table, persons: Collection[UUID]
) -> defaultdict[UUID, list[KnownFact]]:
    """What is registered of these persons and was not voided."""
    mine = table.c.person_id == any_(literal(list(persons), ARRAY(UuidType(as_uuid=True))))
    found: defaultdict[UUID, list[KnownFact]] = defaultdict(list)
    for row in await connection.execute(
        select(table).where(mine, table.c.void_reason.is_(None)).order_by(table.c.start)
    ):
        found[row.person_id].append(KnownFact(id=row.id, kind=row.kind, days=DateRange(row.start, row.end)))
    return found


async def end_facts(connection: AsyncConnection, table: Table, ends: Mapping[UUID, date | None]) -> list[Row[Any]]:
    """Set the last day of what is registered; the rows as they are then."""
    rows = await connection.execute(
        text(
            f'UPDATE {table.name} SET "end" = ended.last_day, revision = revision + 1'  # noqa: S608 (names are ours)
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:ends AS date[])) AS ended (id, last_day)"
            f" WHERE {table.name}.id = ended.id RETURNING {table.name}.*"
        ),
        {"ids": list(ends), "ends": list(ends.values())},
    )
    return list(rows)


async def set_deaths(connection: AsyncConnection, died_on: Mapping[UUID, date]) -> None:
    await connection.execute(
        text(
            "UPDATE person SET died_on = told.died_on"
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS told (id, died_on) WHERE person.id = told.id"
        ),
        {"ids": list(died_on), "days": list(died_on.values())},
    )


async def add_import(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, fact_import, [row])


async def get_import(connection: AsyncConnection, import_id: UUID, imported_by: str) -> Row[Any] | None:
    mine = select(fact_import).where(fact_import.c.id == import_id, fact_import.c.imported_by == imported_by)
    return (await connection.execute(mine)).one_or_none()


async def add_conflicts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Put conflicts on the list, unless they are on it or were decided; how many were new."""
    results = await insert_rows(connection, conflict, rows, then="ON CONFLICT (person_id, kind, proposed) DO NOTHING")
    return sum(result.rowcount for result in results)


async def conflicts(
    connection: AsyncConnection, pool: str, scope: Scope, *, status: str, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    query = select(conflict).where(
        conflict.c.pool == pool, conflict.c.status == status, within(scope, region=conflict.c.county)
    )
    query = query if after is None else query.where(conflict.c.id > after)
    return (await connection.execute(query.order_by(conflict.c.id).limit(limit))).all()


async def get_conflict(connection: AsyncConnection, conflict_id: UUID, scope: Scope) -> Row[Any] | None:
    """A conflict in scope, locked."""
    query = select(conflict).where(conflict.c.id == conflict_id, within(scope, region=conflict.c.county))
    return (await connection.execute(query.with_for_update())).one_or_none()


async def resolve(connection: AsyncConnection, conflict_id: UUID, values: Mapping[str, Any]) -> Row[Any]:
    changed = await connection.execute(
        update(conflict).where(conflict.c.id == conflict_id).values(**values).returning(conflict)
    )
    row: Row[Any] = changed.one()
    return row
