"""Imports and the rows that they could not take, kept for the error file."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO
from uuid import UUID

from changhu_common.bulk_files import LINE
from changhu_common.ids import new_id
from changhu_common.roles import Caller, Scope, ScopePart
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.identities import Identities
from enrollment.storage.tables import import_part, person_import, rejected_row

CELLS = "cells"
# How many waiting files are looked at for one that nobody works on yet.
LOOKED_AT_MAX = 10


async def take_turns(connection: AsyncConnection, region: str) -> None:
    """Let imports of a region go one after another: they lock thousands of persons, in the order of their files."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('person_import ' || :region, 0))"), {"region": region}
    )


async def add(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, person_import, [row])


async def row_of(connection: AsyncConnection, import_id: UUID) -> Row[Any]:
    row: Row[Any] = (await connection.execute(select(person_import).where(person_import.c.id == import_id))).one()
    return row


def scope_as_json(scope: Scope) -> list[list[str | None]]:
    """What the sender may change, for when the file's turn comes."""
    parts = ((each.region_prefix, each.organisation) for each in scope.parts)
    return sorted(([prefix, None if of is None else str(of)] for prefix, of in parts), key=str)


def scope_of(kept: Sequence[Sequence[str | None]]) -> Scope:
    return Scope(
        parts=frozenset(ScopePart(prefix or "", UUID(of) if of else None) for prefix, of in kept), persons=frozenset()
    )


async def keep(connection: AsyncConnection, identities: Identities, import_id: UUID, file: BinaryIO) -> None:
    """Keep a file, sealed, until it is worked off."""
    pieces = identities.pieces(table=import_part.name, column="content")
    for number, piece in pieces.sealed(import_id, file):
        await connection.execute(insert(import_part).values(import_id=import_id, number=number, content=piece))


async def kept(connection: AsyncConnection, identities: Identities, import_id: UUID) -> bytes:
    """A file that was kept, whole: opened piece by piece, so that it is in memory once."""
    pieces = identities.pieces(table=import_part.name, column="content")
    query = select(import_part).where(import_part.c.import_id == import_id).order_by(import_part.c.number)
    content = io.BytesIO()
    async with connection.stream(query, execution_options={"yield_per": 1}) as found:
        async for row in found:
            content.write(pieces.opened(import_id, row.number, row.content))
    return content.getvalue()


async def forget(connection: AsyncConnection, import_id: UUID) -> None:
    """Drop a kept file: what was taken of it stands in its tables."""
    await connection.execute(delete(import_part).where(import_part.c.import_id == import_id))


async def waiting(connection: AsyncConnection) -> int:
    found: int = await connection.scalar(select(func.count()).where(person_import.c.status == "waiting")) or 0
    return found


async def waiting_longest(connection: AsyncConnection) -> Sequence[Row[Any]]:
    query = select(person_import).where(person_import.c.status == "waiting").order_by(person_import.c.id)
    return (await connection.execute(query.limit(LOOKED_AT_MAX))).all()


async def take(connection: AsyncConnection, import_id: UUID) -> bool:
    """Take a waiting file for this transaction; False where somebody else has it, or it is done."""
    taken = text("SELECT pg_try_advisory_xact_lock(hashtextextended('import ' || :id, 0))")
    if not await connection.scalar(taken, {"id": str(import_id)}):
        return False
    return str((await row_of(connection, import_id)).status) == "waiting"


async def count(connection: AsyncConnection, import_id: UUID, **counted: Any) -> None:
    await connection.execute(update(person_import).where(person_import.c.id == import_id).values(**counted))


async def refuse(connection: AsyncConnection, import_id: UUID, problem: Mapping[str, Any]) -> None:
    """Say why a file as a whole was not loaded."""
    await count(connection, import_id, status="refused", refusal=dict(problem))
    await forget(connection, import_id)


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
    found = await connection.execute(select(person_import).where(person_import.c.id == import_id, _seen_by(caller)))
    return found.one_or_none()


async def page(connection: AsyncConnection, caller: Caller, *, before: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Imports that the caller may look into, the latest first."""
    query = select(person_import).where(_seen_by(caller)).order_by(person_import.c.id.desc()).limit(limit)
    return (await connection.execute(query if before is None else query.where(person_import.c.id < before))).all()


def _seen_by(caller: Caller) -> ColumnElement[bool]:
    return or_(person_import.c.imported_by == caller.subject, within(caller.scope, region=person_import.c.region))


async def rejected(connection: AsyncConnection, import_id: UUID, *, limit: int | None = None) -> Sequence[Row[Any]]:
    query = select(rejected_row).where(rejected_row.c.import_id == import_id).order_by(rejected_row.c.line)
    return (await connection.execute(query.limit(limit))).all()
