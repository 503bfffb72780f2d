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
from enrollment.storage import counties, marks
from enrollment.storage.coming_of_age import LAST_DAY

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
_THERE: Final = f"""
    FROM person JOIN coverage ON coverage.person_id = person.id AND coverage.pool = person.pool
        AND coverage.start <= %(last)s AND ({LAST_DAY} IS NULL OR {LAST_DAY} >= %(first)s)
"""
# Whose position may change within a coverage, because a mark or a relative's account has days, or a move.
_DATED: Final = """person.id IN (
    SELECT person_id FROM hardship UNION SELECT person_id FROM family_account UNION SELECT person_id FROM county_move
)"""
_BASE: Final = "LEFT JOIN contribution_base base ON base.coverage_id = coverage.id"
_SAME: Final = """
    SELECT person.id, coverage.start, {last_day} AS "end", died_on, category, county, marks, false AS family_account,
        {since}
    {there} {base} WHERE person.pool = %(pool)s AND NOT ({dated})
"""
_SHARED: Final = {"there": _THERE, "dated": _DATED, "last_day": LAST_DAY}
# Such a person gets a row for each month in which base or position change; what holds on a month's first day counts.
_CHANGING: Final = f"""
    SELECT person.id, coverage.start, {LAST_DAY}, person.died_on, category, {counties.held_on("change.since")},
        {marks.held_on("change.since")}, {marks.paid_on("change.since")}, change.since,
        (SELECT base_fen FROM contribution_base
         WHERE coverage_id = coverage.id AND since <= change.since ORDER BY since DESC LIMIT 1)
    {_THERE}
    CROSS JOIN LATERAL (
        SELECT DISTINCT (date_trunc('month', day - 1) + interval '1 month')::date AS since FROM (
            SELECT date_trunc('month', coverage.start)::date AS day
            UNION ALL SELECT since FROM contribution_base WHERE coverage_id = coverage.id
            UNION ALL SELECT unnest(ARRAY[start, "end" + 1]) FROM hardship WHERE person_id = person.id
            UNION ALL SELECT unnest(ARRAY[consented_on, revoked_on + 1, holder.died_on + 1])
                FROM family_account LEFT JOIN person AS holder ON holder.id = holder_id
                WHERE person_id = person.id
            UNION ALL SELECT since FROM county_move WHERE person_id = person.id
        ) AS days
    ) AS change
    WHERE person.pool = %(pool)s AND {_DATED}
        AND change.since >= date_trunc('month', coverage.start)
        AND ({LAST_DAY} IS NULL OR change.since <= {LAST_DAY})
"""  # noqa: S608 (no part of it comes from outside)
# A position's number is looked up and not joined: of a join the planner believes that hardly anybody passes it.
_KEY: Final = "concat_ws(' ', category, county, family_account, marks)"
_POSITIONS: Final = f"""
    SELECT DISTINCT {_KEY}, category, county, marks, family_account FROM (
        {_SAME.format(since="NULL::date, NULL::bigint", base="", **_SHARED)}
        UNION ALL {_CHANGING}
    ) AS counted
"""  # noqa: S608
_ROWS: Final = f"""
    COPY (
        SELECT
            (row_number() OVER (PARTITION BY id ORDER BY start, since))::int,
            (%(numbers)s::jsonb -> {_KEY})::int,
            start - %(epoch)s,
            coalesce("end" - %(epoch)s, %(never)s),
            coalesce(died_on - %(epoch)s, %(never)s),
            coalesce(since - %(epoch)s, %(never)s),
            coalesce(base_fen, %(no_base)s)
        FROM (
            {_SAME.format(since="base.since, base.base_fen", base=_BASE, **_SHARED)}
            UNION ALL {_CHANGING}
        ) AS counted
        ORDER BY id, start, since
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
        Position(category=category, county=county, marks=tuple(held), family_account=family_account)
        for _, category, county, held, family_account in found
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
