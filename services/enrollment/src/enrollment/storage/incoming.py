"""A file's rows beside what is known, in a few statements however many they are; and a pool's first load.

What comes in is compared by keyed digests of number and name, so nothing has to be opened and nothing
readable is written down.
"""

import json
from collections.abc import Sequence
from datetime import date

from changhu_common.bulk_copy import copy_in
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import Registration
from enrollment.storage.additions import Destination

_INCOMING = """
    CREATE TEMPORARY TABLE incoming (line int, identity bytea, position int, base_fen bigint) ON COMMIT DROP
"""
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


async def unsaid(
    connection: AsyncConnection,
    rows: Sequence[Sequence[bytes]],
    positions: Sequence[Registration],
    *,
    today: date,
) -> list[int]:
    """The lines that say something that is not registered yet. `rows` are parts of the COPY of `incoming`."""
    await connection.execute(text(_INCOMING))
    for part in rows:
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
    return [row.line for row in found]


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
