"""Rows move over to the current keys while the system runs; where none is left, the old keys may go.

A moved row says what it said before, so nothing is told; one audit row a step keeps that it was done.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, Table, func, or_, select

from changhu_common.database import Actor, AuditEntry, Database
from changhu_common.field_encryption import BlindIndex, FieldCipher, FieldUnreadable
from changhu_common.rows import update_rows
from changhu_common.stopping import work_until

ROWS_PER_STEP = 500  # locked together, and sealed anew in some milliseconds

# A replica that was started before the key was made current may still write under the one before.
LOOK_SECONDS = 3600.0

ITSELF = Actor("rekeying", "itself")
_BEFORE_ALL = UUID(int=0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Digest:
    """A column that finds a row by what its sealed cells say."""

    index: BlindIndex
    of: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRows:
    """A table whose rows (by `id`) hold ciphertexts and, where they are looked up, digests."""

    table: Table
    sealed: tuple[str, ...]
    digests: Mapping[str, Digest] = field(default_factory=dict)


class Rekeying:
    """Seals again whatever another than the current key sealed, table by table."""

    def __init__(self, database: Database, cipher: FieldCipher, tables: Sequence[SealedRows]) -> None:
        self._database = database
        self._cipher = cipher
        self.tables = tables

    async def run(self, stop: asyncio.Event) -> None:
        """Move rows until `stop`; the step in hand is finished."""

        async def move_all() -> None:
            for rows in self.tables:
                await self.move(rows, stop)

        await work_until(stop, move_all, name="rekeying", idle_seconds=LOOK_SECONDS)

    async def move(self, rows: SealedRows, stop: asyncio.Event) -> int:
        """Move a table's rows; what somebody else has locked waits for the next look. Returns how many are left."""
        after: UUID | None = _BEFORE_ALL
        while after is not None and not stop.is_set():
            after = await self._step(rows, after)
        async with self._database.read() as connection:
            left = await connection.scalar(select(func.count()).select_from(rows.table).where(self._behind(rows)))
        log.info("rows under earlier keys", table=rows.table.name, left=left)
        return left or 0

    async def _step(self, rows: SealedRows, after: UUID) -> UUID | None:
        table = rows.table
        async with self._database.change(ITSELF) as transaction:
            found = (
                await transaction.connection.execute(
                    select(table.c.id, *(table.c[name] for name in rows.sealed))
                    .where(table.c.id > after, self._behind(rows))
                    .order_by(table.c.id)
                    .limit(ROWS_PER_STEP)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            if not found:
                return None
            fresh = [again for row in found if (again := self._again(rows, row)) is not None]
            await update_rows(transaction.connection, table, fresh)
            transaction.record(AuditEntry("rows.rekeyed", table.name, found[0].id, after={"rows": len(fresh)}))
            last: UUID = found[-1].id
            return last

    def _behind(self, rows: SealedRows) -> ColumnElement[bool]:
        """Whether any cell of a row is under another than the current key, or a digest is wanting."""
        heads = dict.fromkeys(rows.sealed, self._cipher.head) | {
            name: digest.index.head for name, digest in rows.digests.items()
        }
        begins = {name: func.substring(rows.table.c[name], 1, len(head)) for name, head in heads.items()}
        return or_(
            *(begins[name] != heads[name] for name in rows.sealed),
            *(begins[name].is_distinct_from(heads[name]) for name in rows.digests),
        )

    def _again(self, rows: SealedRows, row: Row[Any]) -> dict[str, Any] | None:
        """A row's cells under the current keys; None for one that no configured key opens."""
        place = {"table": rows.table.name, "row": row.id}
        sealed = {name: cell for name in rows.sealed if (cell := getattr(row, name)) is not None}
        try:
            said = {name: self._cipher.decrypt(cell, column=name, **place) for name, cell in sealed.items()}
        except FieldUnreadable as unreadable:
            log.error("a row cannot be moved to the current key", error=str(unreadable))
            return None
        return {
            "id": row.id,
            **dict.fromkeys(rows.sealed),
            **{name: self._cipher.encrypt(each, column=name, **place) for name, each in said.items()},
            **{name: digest.index.of(digest.of(said)) for name, digest in rows.digests.items()},
        }
