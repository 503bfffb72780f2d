"""A file's rows beside what is known, in a few statements however many they are; and a pool's first load.

What comes in is compared by keyed digests of number and name, so nothing has to be opened and nothing
readable is written down.
"""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date

import polars as pl
from changhu_common.binary import field, int4, int8, row
from changhu_common.bulk_copy import copy_in
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import Registration
from enrollment.storage.additions import Destination
from enrollment.storage.identities import Identities

_INCOMING = """
    CREATE TEMPORARY TABLE incoming (line int, identity bytea, position int, base_fen bigint) ON COMMIT DROP
"""
GOOD = ("line", "name", "number", "position", "base_fen")
_COPY = "COPY incoming (line, identity, position, base_fen) FROM STDIN (FORMAT BINARY)"
# Everything that the file says of a person is what is registered: the twin of an amendment that is none.
_UNSAID = text(
    """
    WITH position AS MATERIALIZED (
        SELECT position, pool, county, category, start, "end", marks
        FROM jsonb_to_recordset(CAST(:positions AS jsonb)) AS given
            (position int, pool text, county text, category text, start date, "end" date, marks jsonb)
    )
    SELECT incoming.line
    FROM incoming JOIN position ON position.position = incoming.position
    LEFT JOIN person ON person.pool = position.pool AND person.identity_index = incoming.identity
        AND person.county = position.county AND person.died_on IS NULL
        AND (position.marks IS NULL OR position.marks = person.marks)
    LEFT JOIN coverage ON coverage.pool = person.pool AND coverage.person_id = person.id
        AND coverage.category = position.category AND coverage.start = position.start
        AND (position."end" IS NULL OR coverage."end" = position."end")
    WHERE coverage.id IS NULL OR incoming.base_fen <> coalesce((
        SELECT base_fen FROM contribution_base
        WHERE coverage_id = coverage.id AND since <= greatest(CAST(:today AS date), coverage.start)
        ORDER BY since DESC LIMIT 1
    ), -1)
    ORDER BY incoming.line
    """
)


def rows(identities: Identities, good: pl.DataFrame) -> list[bytes]:
    """What the COPY of `incoming` is made of, for some of a file's good rows."""
    lines, names, numbers, positions, bases_fen = (good[each].to_list() for each in GOOD)
    digests = identities.identity_indexes(numbers, names)
    return [
        row(int4(line), field(digest), int4(position), int8(base_fen))
        for line, digest, position, base_fen in zip(lines, digests, positions, bases_fen, strict=True)
    ]


async def unsaid(
    connection: AsyncConnection,
    parts: AsyncIterator[list[bytes]],
    positions: Sequence[Registration],
    *,
    today: date,
) -> list[int]:
    """The lines that say something that is not registered yet; `parts` are `rows`."""
    await connection.execute(text(_INCOMING))
    async for part in parts:
        await copy_in(connection, _COPY, part)
    await connection.execute(text("ANALYZE incoming"))
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))
    said = [
        {
            "position": position,
            "pool": each.pool,
            "county": each.county,
            "category": each.category,
            "start": str(each.start),
            "end": each.end and str(each.end),
            "marks": each.marks,
        }
        for position, each in enumerate(positions)
    ]
    found = await connection.execute(_UNSAID, {"positions": json.dumps(said), "today": today})
    return [each.line for each in found]


async def begin_first_load(connection: AsyncConnection, pool: str) -> Destination | None:
    """Tables for a pool's first load, beside those that everybody reads; None where the pool has persons already."""
    known = text(
        "SELECT to_regclass('pools.person_' || :pool) IS NOT NULL OR EXISTS (SELECT FROM person WHERE pool = :pool)"
    )
    if await connection.scalar(known, {"pool": pool}):
        return None
    await connection.execute(text("SELECT begin_first_load(:pool)"), {"pool": pool})
    return Destination(person=f"pools.person_{pool}", coverage=f"pools.coverage_{pool}")


async def finish_first_load(connection: AsyncConnection, pool: str) -> None:
    """Index what was loaded, and let everybody see it with the end of the transaction."""
    await connection.execute(text("SELECT finish_first_load(:pool)"), {"pool": pool})
