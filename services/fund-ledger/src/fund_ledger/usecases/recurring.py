"""A manual journal that comes again every month is made a draft when its day has come, once."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import structlog
from changhu_common.clock import Clock
from changhu_common.database import Actor, AskedChange, AuditEntry, Database
from changhu_common.ids import named_id, new_id
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from changhu_common.stopping import pause
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.drafts import days_due, refuse_before_books
from fund_ledger.storage import books, drafts
from fund_ledger.storage.tables import recurring
from fund_ledger.usecases.drafts import Entered, new_row, refuse_bad
from fund_ledger.usecases.posting import refuse_closed

# How often is looked whether a day has come; the day is all that matters.
LOOK_SECONDS = 600.0

ACTOR = Actor("recurring", "schedule")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecurringView:
    recurring_id: UUID


class Recurring:
    """Manual journals that come again (定期凭证)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def repeat(
        self, *, caller: Caller, asked: AskedChange, pool: str, day: int, first: Month, last: Month, entered: Entered
    ) -> RecurringView:
        """Let a manual journal come again on a day of every month, both months included."""
        refuse_bad(caller, pool, entered.lines)
        refuse_before_books(day=first.first, field="first_month")
        async with self._database.change(asked) as transaction:
            # Under the pool's lock: a month that closes meanwhile sees it, or has closed before it.
            head = (await books.lock(transaction.connection, [pool]))[pool]
            refuse_closed(head, [first.first])
            made = new_id()
            row = {
                "id": made,
                "pool": pool,
                "title": entered.title,
                "day_of_month": day,
                "first_month": first.first,
                "last_month": last.first,
                "reason": entered.reason,
                "attachment": entered.attachment,
                "lines": drafts.written(entered.lines),
                "entered_by": caller.subject,
                "entered_at": transaction.now,
            }
            await insert_rows(transaction.connection, recurring, [row])
            transaction.record(AuditEntry("recurring.entered", "recurring", made, after=row))
            return transaction.answer(RecurringView(made))

    async def draft_due(self) -> int:
        """Make the drafts whose day has come; making them again changes nothing. Returns how many are new."""
        today = self._clock.today()
        async with self._database.change(ACTOR) as transaction:
            rows = []
            for each in await drafts.recurring_due(transaction.connection, today):
                entered = Entered(each.title, each.reason, each.attachment, drafts.read(each.lines))
                for made, on in _due(each, today):
                    row = new_row(each.pool, on, entered, each.entered_by, transaction.now)
                    rows.append(row | {"id": made, "recurring_id": each.id})
            new = await drafts.add(transaction.connection, rows)
            transaction.record(*(AuditEntry("draft.entered", "draft", made) for made in new))
            return len(new)

    async def run(self, stop: asyncio.Event) -> None:
        """Look now and then until `stop`."""
        while not stop.is_set():
            try:
                await self.draft_due()
            except Exception as failure:
                log.warning("recurring journals interrupted", error=repr(failure))
            await pause(stop, LOOK_SECONDS)


async def not_drafted(connection: AsyncConnection, pool: str, until: date) -> int:
    """How many drafts of a pool are due by a day and not made yet."""
    rows = await drafts.recurring_due(connection, until, pool=pool)
    due = {made for each in rows for made, _ in _due(each, until)}
    return len(due - await drafts.known(connection, due))


def _due(row: Any, today: date) -> Iterator[tuple[UUID, date]]:
    """The drafts of one that comes again, up to today: each day's id is always the same."""
    first, last = Month.of(row.first_month), Month.of(row.last_month)
    for on in days_due(day_of_month=row.day_of_month, first=first, last=last, today=today):
        yield named_id("fund-ledger.recurring", row.id, on), on
