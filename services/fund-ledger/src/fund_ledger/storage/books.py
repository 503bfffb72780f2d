"""Where each pool's books stand; whoever books or closes holds the pool's row."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from changhu_common.rows import insert_rows
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.chain import BEGINNING, Head
from fund_ledger.storage.tables import book

# Several pools at once, always in the same order, so that two batches never wait for each other.
_LOCK = select(book).order_by(book.c.pool).with_for_update()

_ADVANCE = text(
    "UPDATE book SET sequence = moved.sequence, hash = moved.hash, numbers = moved.numbers"
    " FROM unnest(CAST(:pools AS text[]), CAST(:sequences AS bigint[]), CAST(:hashes AS bytea[]),"
    " CAST(:numbers AS jsonb[])) AS moved (pool, sequence, hash, numbers) WHERE book.pool = moved.pool"
)


async def lock(connection: AsyncConnection, pools: Iterable[str]) -> dict[str, Head]:
    """The heads of these pools, held until the transaction ends; a pool that is new is opened."""
    wanted = sorted(set(pools))
    statement = _LOCK.where(book.c.pool.in_(wanted))
    heads = {row.pool: _head(row) for row in await connection.execute(statement)}
    if len(heads) < len(wanted):
        await insert_rows(
            connection,
            book,
            [{"pool": pool, "sequence": 0, "hash": BEGINNING, "numbers": {}} for pool in wanted if pool not in heads],
            then="ON CONFLICT DO NOTHING",
        )
        heads = {row.pool: _head(row) for row in await connection.execute(statement)}
    return heads


async def find(connection: AsyncConnection, pool: str) -> Head | None:
    """Where a pool's books stand now; None where nothing was ever booked."""
    row = (await connection.execute(select(book).where(book.c.pool == pool))).one_or_none()
    return _head(row) if row else None


async def advance(connection: AsyncConnection, heads: Mapping[str, Head]) -> None:
    """Write where the books stand after a batch, in one statement."""
    ordered = list(heads.values())
    await connection.execute(
        _ADVANCE,
        {
            "pools": [head.pool for head in ordered],
            "sequences": [head.sequence for head in ordered],
            "hashes": [head.hash for head in ordered],
            "numbers": [json.dumps(dict(head.numbers or {})) for head in ordered],
        },
    )


def _head(row: Row[*tuple[Any, ...]]) -> Head:
    return Head(pool=row.pool, sequence=row.sequence, hash=row.hash, numbers=row.numbers, open_from=row.open_from)
