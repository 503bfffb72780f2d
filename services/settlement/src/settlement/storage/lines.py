"""The results: lines and periods, of which only those that really changed are written."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.periods import midnight
from changhu_common.rows import insert_rows
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.counting import PeriodKey
from settlement.storage.facts import WINDOWS, Window, window_arrays
from settlement.storage.tables import limit_period, line

# By index, window by window, like the visits.
_STANDING = text(
    f"SELECT l.id, l.fingerprint FROM {WINDOWS} CROSS JOIN LATERAL (SELECT id, fingerprint FROM line"  # noqa: S608
    ' WHERE line.person_id = w.person_id AND line.at >= w."from" AND line.at < w.until'
    " AND (w.pool IS NULL OR line.pool = w.pool) AND line.status <> 'void' OFFSET 0) l"
)
# A line that another person's recount took over meanwhile is no longer this one's to void.
_VOID = text(
    "UPDATE line SET status = 'void', cost_fen = 0, fund_fen = 0, person_fen = 0, findings = '[]', fingerprint = ''"
    " FROM unnest(CAST(:persons AS uuid[])) AS w (person_id)"
    " WHERE line.id = ANY(CAST(:ids AS uuid[])) AND line.person_id = w.person_id"
)
# What stands before these moments; a period that is undecided, or was counted by another pack, says nothing.
_USED_BEFORE = text(
    "SELECT w.person_id, w.pool, w.start, l.used_fen"
    " FROM unnest(CAST(:persons AS uuid[]), CAST(:pools AS text[]), CAST(:starts AS date[]),"
    " CAST(:froms AS timestamptz[]), CAST(:untils AS timestamptz[]), CAST(:versions AS text[]))"
    ' AS w (person_id, pool, start, "from", until, pack_version)'
    " JOIN limit_period p ON (p.person_id, p.pool, p.start, p.pack_version)"
    " = (w.person_id, w.pool, w.start, w.pack_version) AND p.problem IS NULL"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(line.used_fen), 0)::bigint AS used_fen FROM line"
    ' WHERE line.person_id = w.person_id AND line.at >= w."from" AND line.at < w.until'
    " AND line.pool = w.pool AND line.status <> 'void') l"
)
_FORGET_PERIODS = text(
    f"DELETE FROM limit_period p USING {WINDOWS} WHERE p.person_id = w.person_id"  # noqa: S608
    ' AND p.start >= w."first" AND p.start <= w."last" AND (w.pool IS NULL OR p.pool = w.pool)'
    " AND (p.person_id, p.pool, p.start) NOT IN (SELECT * FROM"
    " unnest(CAST(:kept_persons AS uuid[]), CAST(:kept_pools AS text[]), CAST(:kept_starts AS date[])))"
)


def _upsert(table: Table, keys: Sequence[str], *, changed: str = "") -> str:
    assigned = ", ".join(f'"{each.name}" = EXCLUDED."{each.name}"' for each in table.columns if each.name not in keys)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assigned} {changed}"


_LINES = _upsert(line, ("id",))
_PERIODS = _upsert(
    limit_period,
    ("person_id", "pool", "start"),
    changed="WHERE (limit_period.*) IS DISTINCT FROM (EXCLUDED.*)",
)


async def standing(connection: AsyncConnection, windows: Sequence[Window]) -> dict[UUID, bytes]:
    """The lines that stand in these days, by id, with their fingerprints."""
    rows = await connection.execute(_STANDING, window_arrays(windows))
    return {row.id: row.fingerprint for row in rows}


async def used_before(
    connection: AsyncConnection, windows: Sequence[Window], versions: Mapping[str, str]
) -> dict[PeriodKey, int]:
    """What stands before `since` used of the limit, where these versions of the pools' packs decided it."""
    if not windows:
        return {}
    rows = await connection.execute(
        _USED_BEFORE,
        {
            "persons": [window.person_id for window in windows],
            "pools": [window.pool for window in windows],
            "starts": [window.days.start for window in windows],
            "froms": [midnight(window.days.start) for window in windows],
            "untils": [window.since for window in windows],
            "versions": [versions[window.pool] for window in windows if window.pool],
        },
    )
    return {(row.person_id, row.pool, row.start): row.used_fen for row in rows}


async def write(
    connection: AsyncConnection,
    *,
    windows: Sequence[Window],
    lines: Sequence[Mapping[str, Any]],
    gone: Sequence[UUID],
    periods: Sequence[Mapping[str, Any]],
) -> None:
    """Write changed lines, void those whose visit is gone, and keep the periods as they are now."""
    await insert_rows(connection, line, lines, then=_LINES)
    arrays = window_arrays(windows)
    if gone:
        await connection.execute(_VOID, {"persons": arrays["persons"], "ids": gone})
    await insert_rows(connection, limit_period, periods, then=_PERIODS)
    await connection.execute(
        _FORGET_PERIODS,
        arrays
        | {
            "kept_persons": [each["person_id"] for each in periods],
            "kept_pools": [each["pool"] for each in periods],
            "kept_starts": [each["start"] for each in periods],
        },
    )
