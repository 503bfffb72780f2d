"""Journals as somebody looks for them: by their days, account, county, organisation or source, a page at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, Row, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.storage.tables import draft, journal, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which journals; `accounts` are always named, so that lines are found by account and day."""

    pool: str
    since: date
    until: date
    accounts: Sequence[str]
    county: str | None = None
    scheme: str | None = None
    organization_id: UUID | None = None
    source: str | None = None


async def page(
    connection: AsyncConnection, wanted: Wanted, *, scope: Scope, after: int, count: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The heads of those behind a sequence of the chain, in its order, with who entered and approved them."""
    condition = journal.c.pool == wanted.pool
    found = select(line.c.sequence).where(*_lines(wanted), line.c.sequence > after, within(scope, region=line.c.county))
    if wanted.source is not None:
        of_source = exists().where(
            journal.c.pool == line.c.pool, journal.c.sequence == line.c.sequence, journal.c.source == wanted.source
        )
        found = found.where(of_source)
    chosen = found.distinct().order_by(line.c.sequence).limit(count).subquery()
    statement = (
        select(journal, draft.c.entered_by, draft.c.decided_by, draft.c.reason, draft.c.attachment)
        .join(chosen, chosen.c.sequence == journal.c.sequence)
        .outerjoin(draft, draft.c.id == journal.c.source_event_id)
        .where(condition)
        .order_by(journal.c.sequence)
    )
    return (await connection.execute(statement)).all()


def _lines(wanted: Wanted) -> list[ColumnElement[bool]]:
    named = {
        line.c.county: wanted.county,
        line.c.scheme: wanted.scheme,
        line.c.organization_id: wanted.organization_id,
    }
    return [
        line.c.pool == wanted.pool,
        line.c.account == func.any(list(wanted.accounts)),
        line.c.accounting_on.between(wanted.since, wanted.until),
        *(column == value for column, value in named.items() if value is not None),
    ]


async def one(connection: AsyncConnection, journal_id: UUID) -> Row[*tuple[Any, ...]] | None:
    """A journal's head, with who entered and approved it."""
    statement = (
        select(journal, draft.c.entered_by, draft.c.decided_by, draft.c.reason, draft.c.attachment)
        .outerjoin(draft, draft.c.id == journal.c.source_event_id)
        .where(journal.c.id == journal_id)
    )
    return (await connection.execute(statement)).one_or_none()


async def lines(
    connection: AsyncConnection, pool: str, sequences: Sequence[int], *, scope: Scope
) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """The lines in scope of these journals, in their order."""
    rows = await connection.execute(
        select(line)
        .where(line.c.pool == pool, line.c.sequence == func.any(list(sequences)), within(scope, region=line.c.county))
        .order_by(line.c.sequence, line.c.number)
    )
    found: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in rows:
        found[row.sequence].append(row)
    return found
