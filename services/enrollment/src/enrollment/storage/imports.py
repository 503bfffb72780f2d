"""Imports and the rows that they could not take, kept for the error file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.bulk_files import LINE
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.identities import Identities
from enrollment.storage.tables import person_import, rejected_row

CELLS = "cells"


async def take_turns(connection: AsyncConnection, region: str) -> None:
    """Let imports of a region go one after another: they lock thousands of persons, in the order of their files."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('person_import ' || :region, 0))"), {"region": region}
    )


async def add(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, person_import, [row])


async def add_rejected(
    connection: AsyncConnection,
    identities: Identities,
    import_id: UUID,
    cells: Sequence[Mapping[str, Any]],
    errors: Mapping[int, Sequence[Mapping[str, Any]]],
) -> None:
    """Keep bad rows of a file, with what is wrong with them by line."""
    rows = []
    for each in cells:
        row_id = new_id()
        sealed = identities.seal(row_id, CELLS, json.dumps(each, ensure_ascii=False), table=rejected_row.name)
        line = each[LINE]
        rows.append({"id": row_id, "import_id": import_id, "line": line, "cells": sealed, "errors": errors[line]})
    await insert_rows(connection, rejected_row, rows)


async def get(connection: AsyncConnection, import_id: UUID, caller: Caller) -> Row[Any] | None:
    """An import that the caller sent, or that the pool's clerks may look into."""
    seen = or_(person_import.c.imported_by == caller.subject, within(caller.scope, region=person_import.c.region))
    found = await connection.execute(select(person_import).where(person_import.c.id == import_id, seen))
    return found.one_or_none()


async def rejected(connection: AsyncConnection, import_id: UUID, *, limit: int | None = None) -> Sequence[Row[Any]]:
    query = select(rejected_row).where(rejected_row.c.import_id == import_id).order_by(rejected_row.c.line)
    return (await connection.execute(query.limit(limit))).all()
