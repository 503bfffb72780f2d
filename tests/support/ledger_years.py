"""The end of a year in a fund's books as a process of its own: booked, closed, ended, opened again, ended again.

It can be killed at any moment and started again from the beginning: every step is known again by its
facts or its key. It says `ready` before its first step and `done` after its last.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from changhu_common.clock import FileClock
from changhu_common.database import Actor, AlreadyAnswered, AskedChange, Database
from changhu_common.events import Envelope, Event
from changhu_common.events.enrollment import ContributionReceived
from changhu_common.events.settlement import PaymentSettled
from changhu_common.ids import named_id
from changhu_common.periods import Month
from changhu_common.roles import Caller, Grant, Role
from fund_ledger.domain.journal import Line
from fund_ledger.storage.tables import SPINE
from fund_ledger.usecases.books import Books
from fund_ledger.usecases.drafts import Drafts, Entered
from fund_ledger.usecases.periods import Periods
from fund_ledger.usecases.reserving import follow

POOL = "330300"  # its counties are cleared
RICH, POOR = "330381", "330382"
FIRST, LAST = Month(2026, 9), Month(2026, 12)
DAYS = 10  # of each month, on which something happens

SOME = UUID(int=1)


def received(key: str, fen: int, county: str, on: date) -> ContributionReceived:
    return ContributionReceived(
        receipt_id=named_id("year", key),
        pool=POOL,
        county=county,
        period=str(Month.of(on)),
        category="employee",
        payer="person",
        amount_fen=fen,
        received_on=on,
    )


def paid(key: str, fen: int, county: str, on: date) -> PaymentSettled:
    return PaymentSettled(
        payment_id=named_id("year", key),
        statement_id=SOME,
        person_id=SOME,
        organization_id=SOME,
        pool=POOL,
        county=county,
        category="employee",
        service_month=str(Month.of(on)),
        fund_fen=fen,
        person_fen=0,
        cost_fen=fen,
        paid_on=on,
        bank_reference=key,
        pack_version="v",
    )


def facts_of(month: Month) -> list[Event]:
    """What happened in a month: one county earns, the other spends more than it has."""
    days = [date(month.year, month.number, n + 1) for n in range(DAYS)]
    facts: list[Event] = [received(f"in {on}", 900 + on.day, RICH, on) for on in days]
    return [*facts, *(paid(f"out {on}", 40 + on.day, POOR, on) for on in days)]


class Year:
    """The steps of the year, each a transaction."""

    def __init__(self, database: Database) -> None:
        async def lag() -> Mapping[str, int]:
            return {}

        self._database = database
        self._books, self._drafts = Books(database), Drafts(database)
        self._periods = Periods(database, database.clock, lag)
        self._keys = count(1)

    async def told(self) -> AsyncIterator[str]:
        """Go through the year; what is done already is passed over."""
        for month in FIRST.until(LAST):
            await self._hear(facts_of(month))
            yield f"booked {month}"
            if month == FIRST:
                await self._interest(month)
                yield "interest"
            await self._close(month)
            yield f"closed {month}"
        for extra in (7, 8):
            asking, approving = self._asked("zhang"), self._asked("li")
            await once(self._periods.ask_reopening(**asking, pool=POOL, month=LAST, reason="漏记"))
            await once(self._periods.reopen(**approving, pool=POOL, month=LAST))
            yield "opened again"
            await self._hear([received(f"late {extra}", extra, POOR, LAST.last)])
            await self._close(LAST)
            yield "closed again"

    async def _hear(self, facts: list[Event]) -> None:
        now = self._database.clock.now()
        told = [Envelope(id=named_id("year", str(each)), source="test", time=now, event=each) for each in facts]
        async with self._database.change(Actor("test", "test")) as transaction:
            await follow(transaction, told, self._books)

    async def _interest(self, month: Month) -> None:
        """A manual journal, entered by one and approved by another."""
        lines = [Line(account=a, county=RICH, amount_fen=fen) for a, fen in (("1003", 5), ("4201", -5))]
        entered = Entered("收到利息", "结息", "回单 1", lines)
        entering, approving = self._asked("zhang"), self._asked("li")
        draft = await once(self._drafts.enter(**entering, pool=POOL, happened_on=month.last, entered=entered))
        draft_id = UUID(draft["draft_id"]) if isinstance(draft, dict) else draft.draft_id
        await once(self._drafts.approve(**approving, draft_id=draft_id))

    async def _close(self, month: Month) -> None:
        await once(self._periods.close(**self._asked("zhang"), pool=POOL, month=month))

    def _asked(self, by: str) -> dict[str, Any]:
        """Who asks, under the key of this step."""
        caller = Caller(by, by, (Grant(Role.ACCOUNTANT, POOL),))
        return {"caller": caller, "asked": AskedChange(Actor(by, "test"), "year", str(next(self._keys)), b"", 200)}


async def once(step: Awaitable[Any]) -> Any:
    """What a step answers, now or when it was done before."""
    try:
        return await step
    except AlreadyAnswered as before:
        return before.answer


async def main(url: str, clock_file: str) -> None:
    clock = FileClock(Path(clock_file))
    clock.advance_to(datetime(2027, 2, 1, tzinfo=UTC))
    database = Database(url, spine=SPINE, source="fund-ledger", clock=clock)
    print("ready", flush=True)
    async for step in Year(database).told():
        print(step, flush=True)
    print("done", flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
