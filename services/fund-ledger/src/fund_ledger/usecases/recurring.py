"""A manual journal that comes again every month is made a draft when its day has come, once."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.clock import Clock
from changhu_common.database import Actor, AskedChange, AuditEntry, Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.ids import named_id, new_id
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from changhu_common.stopping import work_until
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.drafts import days_due, refuse_before_books
from fund_ledger.storage import books, drafts
from fund_ledger.storage.tables import recurring
from fund_ledger.usecases.books import refuse_other_pools
from fund_ledger.usecases.drafts import Entered, covered, new_row, refuse_bad
from fund_ledger.usecases.posting import refuse_closed

# How often is looked whether a day has come; the day is all that matters.
LOOK_SECONDS = 600.0

ACTOR = Actor("recurring", "schedule")


@dataclass(frozen=True, slots=True)
class RecurringView:
    """A manual journal that comes again on a day of each month, both months included."""

    recurring_id: UUID
    pool: str
    title: str
    day_of_month: int
    first_month: str
    last_month: str
    reason: str
    attachment: str
    lines: Sequence[dict[str, Any]]
    entered_by: str
    entered_at: datetime


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
            return transaction.answer(_view(await drafts.one_recurring(transaction.connection, made)))

    async def some(self, *, caller: Caller, pool: str) -> list[RecurringView]:
        """A pool's, as far as the caller sees all their lines, the newest first."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            rows = await drafts.recurring_of(connection, pool)
        return [_view(row) for row in rows if covered(caller, row)]

    async def end(self, *, caller: Caller, asked: AskedChange, recurring_id: UUID, last: Month) -> RecurringView:
        """Let it come for the last time in an earlier month (提前终止); drafts that were made stay."""
        async with self._database.change(asked) as transaction:
            row = await drafts.one_recurring(transaction.connection, recurring_id, lock=True)
            if row is None or not covered(caller, row):
                raise NotFound("没有这张定期凭证, 或不在您的权限范围内。")
            if not row.first_month.replace(day=1) <= last.first <= row.last_month:
                reason = f"须在 {Month.of(row.first_month)} 至 {Month.of(row.last_month)} 之间"
                raise InvalidInput(f"最后月份{reason}。", errors=[FieldError("last_month", reason)])
            await drafts.end_recurring(transaction.connection, recurring_id, last.first)
            done = {"last_month": last.first}
            before = {"last_month": row.last_month}
            transaction.record(AuditEntry("recurring.ended", "recurring", recurring_id, before, done))
            return transaction.answer(_view(await drafts.one_recurring(transaction.connection, recurring_id)))

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
        await work_until(stop, self.draft_due, name="recurring journals", idle_seconds=LOOK_SECONDS)


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


def _view(row: Any) -> RecurringView:
    return RecurringView(
        recurring_id=row.id,
        pool=row.pool,
        title=row.title,
        day_of_month=row.day_of_month,
        first_month=str(Month.of(row.first_month)),
        last_month=str(Month.of(row.last_month)),
        reason=row.reason,
        attachment=row.attachment,
        lines=row.lines,
        entered_by=row.entered_by,
        entered_at=row.entered_at,
    )
