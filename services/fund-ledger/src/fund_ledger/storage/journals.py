"""Journals and their lines in the database: written once, many at a time, read as the entries that they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.binary import array_of
from changhu_common.bulk_copy import copy_columns
from changhu_common.periods import day_of
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.chain import BEGINNING, Entry
from fund_ledger.domain.journal import Line
from fund_ledger.storage.tables import journal, line

# As an entry and a line take them; what stands in between, an entry gets from elsewhere.
_HEAD = [journal.c[each.name] for each in fields(Entry) if each.name in journal.c]
_LINE = [line.c[each.name] for each in fields(Line)]

_FACTS_OF = text("SELECT id, facts_hash FROM journal WHERE id = ANY(CAST(:ids AS uuid[]))")


async def facts_of(connection: AsyncConnection, ids: Iterable[UUID]) -> Mapping[UUID, bytes]:
    """The hash of the fact behind each of these journals that is already booked."""
    rows = await connection.execute(_FACTS_OF, {"ids": array_of(journal.c.id, ids)})
    return {row.id: row.facts_hash for row in rows}


async def add(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write entries as two streams, however many they are."""
    await copy_columns(
        connection,
        journal,
        {
            "id": [each.id for each in entries],
            "pool": [each.pool for each in entries],
            "sequence": [each.sequence for each in entries],
            "year": [each.year for each in entries],
            "number": [each.number for each in entries],
            "title": [each.title for each in entries],
            "source": [each.source for each in entries],
            "source_event_id": [each.source_event_id for each in entries],
            "happened_on": [each.happened_on for each in entries],
            "accounting_on": [each.accounting_on for each in entries],
            "booked_on": [day_of(each.booked_at) for each in entries],
            "booked_at": [each.booked_at for each in entries],
            "carries": [each.carries for each in entries],
            "reverses": [each.reverses for each in entries],
            "facts_hash": [each.facts_hash for each in entries],
            "hash": [each.hash for each in entries],
        },
    )
    lines = [(each, number, of) for each in entries for number, of in enumerate(each.lines, 1)]
    await copy_columns(
        connection,
        line,
        {
            "pool": [each.pool for each, _, _ in lines],
            "sequence": [each.sequence for each, _, _ in lines],
            "number": [number for _, number, _ in lines],
            "accounting_on": [each.accounting_on for each, _, _ in lines],
            "account": [of.account for _, _, of in lines],
            "county": [of.county for _, _, of in lines],
            "scheme": [of.scheme for _, _, of in lines],
            "payer": [of.payer for _, _, of in lines],
            "organization_id": [of.organization_id for _, _, of in lines],
            "amount_fen": [of.amount_fen for _, _, of in lines],
        },
    )


async def entries(connection: AsyncConnection, *, pool: str, after: int, count: int) -> list[Entry]:
    """The entries of a pool that follow a sequence, in order, as they are hashed."""
    heads = (
        await connection.execute(
            select(*_HEAD)
            .where(journal.c.pool == pool, journal.c.sequence > after)
            .order_by(journal.c.sequence)
            .limit(count)
        )
    ).all()
    if not heads:
        return []
    lines = await connection.execute(
        select(line.c.sequence, *_LINE)
        .where(line.c.pool == pool, line.c.sequence.between(heads[0].sequence, heads[-1].sequence))
        .order_by(line.c.sequence, line.c.number)
    )
    of: dict[int, list[Line]] = defaultdict(list)
    for sequence, *values in lines:
        of[sequence].append(Line(*values))
    previous = await hash_at(connection, pool=pool, sequence=heads[0].sequence - 1)
    found = []
    for head in heads:
        found.append(_entry(head, previous, of[head.sequence]))
        previous = head.hash
    return found


async def hash_at(connection: AsyncConnection, *, pool: str, sequence: int) -> bytes:
    """The hash of one entry; what the first one follows where there is none."""
    found: bytes | None = await connection.scalar(
        select(journal.c.hash).where(journal.c.pool == pool, journal.c.sequence == sequence)
    )
    return found or BEGINNING


async def last_booked(connection: AsyncConnection, *, pool: str, on: date) -> Row[*tuple[Any, ...]] | None:
    """The last journal that was booked up to the end of a day."""
    return (
        await connection.execute(
            select(journal)
            .where(journal.c.pool == pool, journal.c.booked_on <= on)
            .order_by(journal.c.sequence.desc())
            .limit(1)
        )
    ).one_or_none()


async def of_source(connection: AsyncConnection, source_event_id: UUID, *, scope: Scope) -> Entry | None:
    """The entry that an event made, with the lines in scope; None where there is none."""
    statement = select(*_HEAD).where(journal.c.source_event_id == source_event_id).order_by(journal.c.sequence)
    head = (await connection.execute(statement.limit(1))).one_or_none()
    return await _with_lines(connection, head, scope) if head else None


async def find(connection: AsyncConnection, journal_id: UUID, *, scope: Scope) -> Entry | None:
    """An entry with the lines in scope; None where there is none."""
    head = (await connection.execute(select(*_HEAD).where(journal.c.id == journal_id))).one_or_none()
    return await _with_lines(connection, head, scope) if head else None


async def reversal_of(connection: AsyncConnection, journal_id: UUID) -> UUID | None:
    """The journal that reverses one."""
    found: UUID | None = await connection.scalar(select(journal.c.id).where(journal.c.reverses == journal_id))
    return found


async def _with_lines(connection: AsyncConnection, head: Any, scope: Scope) -> Entry | None:
    rows = await connection.execute(
        select(*_LINE)
        .where(line.c.pool == head.pool, line.c.sequence == head.sequence, within(scope, region=line.c.county))
        .order_by(line.c.number)
    )
    lines = [Line(*row) for row in rows]
    if not lines:
        return None
    return _entry(head, await hash_at(connection, pool=head.pool, sequence=head.sequence - 1), lines)


def _entry(head: Row[*tuple[Any, ...]], previous: bytes, lines: Sequence[Line]) -> Entry:
    *said, hashed = head
    values: list[Any] = [*said, previous, lines, hashed]
    return Entry(*values)
