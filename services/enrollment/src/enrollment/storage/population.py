"""A whole pool's people, read in one pass as numbers: no name, no id and no resident number leaves the database.

Rows come as COPY writes them in binary, all of one width because no column is null, so that an array
takes them as they are; a person costs some sixty bytes.
"""

import json
from datetime import date
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.population import NEVER, NO_BASE_FEN, CoverageRows, Horizon, Position

# What COPY writes before the first row and after the last one; so many rows at a time become an array.
HEADER_BYTES: Final = 19
TRAILER_BYTES: Final = 2
ROWS_AT_ONCE: Final = 100_000

# What the server may sort and join in before it writes to disk.
SORT_MEMORY: Final = "64MB"

_COLUMNS: Final = {
    "turn": ">i4", "position": ">i4", "start": ">i4", "end": ">i4", "died": ">i4", "since": ">i4", "base_fen": ">i8",
}  # fmt: skip
_ROW: Final = np.dtype(
    [("columns", ">i2")]
    + [part for name, kind in _COLUMNS.items() for part in ((f"{name}_bytes", ">i4"), (name, kind))]
)

# Whose coverage reaches into the horizon.
_THERE: Final = """
    WHERE person.pool = %(pool)s AND coverage.start <= %(last)s
        AND (coverage."end" IS NULL OR coverage."end" >= %(first)s)
"""
# A position's number is looked up and not joined: of a join the planner believes that hardly anybody passes it.
_KEY: Final = "concat_ws(' ', coverage.category, person.county, person.family_account, person.marks)"
_POSITIONS: Final = f"""
    SELECT DISTINCT {_KEY}, coverage.category, person.county, person.marks, person.family_account
    FROM person JOIN coverage ON coverage.person_id = person.id AND coverage.pool = person.pool
    {_THERE}
"""  # noqa: S608 (no part of it comes from outside)
_ROWS: Final = f"""
    COPY (
        SELECT
            (row_number() OVER (PARTITION BY person.id ORDER BY coverage.start, base.since))::int,
            (%(numbers)s::jsonb -> {_KEY})::int,
            coverage.start - %(epoch)s,
            coalesce(coverage."end" - %(epoch)s, %(never)s),
            coalesce(person.died_on - %(epoch)s, %(never)s),
            coalesce(base.since - %(epoch)s, %(never)s),
            coalesce(base.base_fen, %(no_base)s)
        FROM person
        JOIN coverage ON coverage.person_id = person.id AND coverage.pool = person.pool
        LEFT JOIN contribution_base base ON base.coverage_id = coverage.id
        {_THERE}
        ORDER BY person.id, coverage.start, base.since
    ) TO STDOUT (FORMAT BINARY)
"""  # noqa: S608


async def read(connection: AsyncConnection, pool: str, horizon: Horizon) -> CoverageRows:
    """The coverages of a pool's people that reach into the horizon."""
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, psycopg.AsyncConnection)
    asked: dict[str, Any] = {
        "pool": pool,
        "first": horizon.first.first,
        "last": horizon.last.last,
        "epoch": date(1970, 1, 1),
        "never": NEVER,
        "no_base": NO_BASE_FEN,
    }
    async with raw.cursor() as cursor:
        await cursor.execute(f"SET LOCAL work_mem = '{SORT_MEMORY}'".encode())
        await cursor.execute(_POSITIONS.encode(), asked)
        found = await cursor.fetchall()
        asked["numbers"] = json.dumps({key: number for number, (key, *_) in enumerate(found)})
        columns = await _copied(cursor, asked)
    positions = [
        Position(category=category, county=county, marks=tuple(marks), family_account=family_account)
        for _, category, county, marks, family_account in found
    ]
    return CoverageRows(positions=positions, new_person=columns.pop("turn") == 1, **columns)


async def _copied(cursor: psycopg.AsyncCursor[Any], asked: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """All rows, column by column."""
    parts: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, dtype=kind[1:])] for name, kind in _COLUMNS.items()}

    def take(binary: bytes) -> None:
        rows = np.frombuffer(binary, dtype=_ROW)
        for name, kind in _COLUMNS.items():
            parts[name].append(rows[name].astype(kind[1:]))

    # Each piece is a whole row, the first one with the header before it.
    pieces: list[bytes] = []
    begins = HEADER_BYTES
    async with cursor.copy(_ROWS.encode(), asked) as copy:
        async for piece in copy:
            pieces.append(bytes(piece))
            if len(pieces) == ROWS_AT_ONCE:
                pieces, held = pieces[-1:], b"".join(pieces[:-1])
                take(held[begins:])
                begins = 0
    take(b"".join(pieces)[begins:-TRAILER_BYTES])
    return {name: np.concatenate(each) for name, each in parts.items()}
