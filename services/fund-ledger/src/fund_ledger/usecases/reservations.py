"""What statements hold of the budget, and how two people let one through that does not fit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Actor, AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_common.stopping import work_until

from fund_ledger.domain.reservations import (
    STATUSES,
    ReleaseAsked,
    refuse_unless_releasable,
    refuse_unless_waiting,
)
from fund_ledger.storage import books, reservations
from fund_ledger.usecases.books import refuse_part_of_pool
from fund_ledger.usecases.reserving import answer_waiting

RESERVATIONS_PER_PAGE_MAX = 500

# How often is looked whether a year has begun; who waits for its budget waited for days.
LOOK_SECONDS = 600.0

ACTOR = Actor("reservations", "schedule")


@dataclass(frozen=True, slots=True)
class ReservationView:
    """A statement before the budget (预算占用); `short` says what it falls short of while it waits.

    `draws_on` is the year whose budget it stands before: the running one, whenever it was approved, because
    that is when it will be paid; None once it is settled or released.
    """

    statement_id: UUID
    pool: str
    organization_id: UUID
    month: str
    fund_fen: int
    decided_on: date
    status: str
    status_text: str
    draws_on: int | None
    basis: str | None
    short: Sequence[dict[str, Any]]
    release_asked_by: str | None
    release_reason: str | None
    let_through_by: str | None


class Reservations:
    """Reading reservations, and releasing those that do not fit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tried_in: int | None = None

    async def some(
        self,
        *,
        caller: Caller,
        pool: str,
        status: str | None,
        organization_id: UUID | None,
        approved_before: date | None,
        after: UUID | None,
    ) -> list[ReservationView]:
        """A pool's reservations, newest first."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            rows = await reservations.some(
                connection,
                pool=pool,
                status=status,
                organization_id=organization_id,
                approved_before=approved_before,
                after=after,
                count=RESERVATIONS_PER_PAGE_MAX,
            )
        return [_view(row, self._year) for row in rows]

    async def one(self, *, caller: Caller, statement_id: UUID) -> ReservationView:
        async with self._database.read() as connection:
            return _view(_in_scope(caller, await reservations.one(connection, statement_id)), self._year)

    @property
    def _year(self) -> int:
        return day_of(self._database.clock.now()).year

    async def ask_release(
        self, *, caller: Caller, asked: AskedChange, statement_id: UUID, reason: str
    ) -> ReservationView:
        """Ask that a statement be paid beyond the budget (申请超预算放行)."""
        async with self._database.change(asked) as transaction:
            row = await _lock(transaction, caller, statement_id)
            refuse_unless_waiting(row.status)
            if row.release_asked_by is not None:
                raise ReleaseAsked("已有人申请放行，请由另一名会计批准或退回。", asked_by=row.release_asked_by)
            done = {
                "release_asked_by": caller.subject,
                "release_asked_at": transaction.now,
                "release_reason": reason,
            }
            await reservations.set_one(transaction.connection, statement_id, **done)
            return await _recorded(transaction, row, "release_asked", done)

    async def release(self, *, caller: Caller, asked: AskedChange, statement_id: UUID) -> ReservationView:
        """Approve it (批准超预算放行): somebody other than who asked; the statement may be paid."""
        async with self._database.change(asked) as transaction:
            row = await _lock(transaction, caller, statement_id)
            refuse_unless_releasable(status=row.status, asked_by=row.release_asked_by, by=caller.subject)
            done = {"let_through_by": caller.subject, "let_through_at": transaction.now}
            await reservations.set_one(transaction.connection, statement_id, **done)
            await answer_waiting(transaction, {row.pool}, let_through=statement_id)
            return await _recorded(transaction, row, "let_through", done)

    async def refuse_release(
        self, *, caller: Caller, asked: AskedChange, statement_id: UUID, reason: str
    ) -> ReservationView:
        """Do not let it through (退回放行申请); it goes on waiting, and may be asked for again."""
        async with self._database.change(asked) as transaction:
            row = await _lock(transaction, caller, statement_id)
            refuse_unless_releasable(status=row.status, asked_by=row.release_asked_by, by=caller.subject)
            done = {"release_asked_by": None, "release_asked_at": None, "release_reason": None}
            await reservations.set_one(transaction.connection, statement_id, **done)
            return await _recorded(transaction, row, "release_refused", done | {"reason": reason})

    async def try_new_year(self) -> None:
        """Try whatever waits against the running year's budget, once a year: nothing need be booked before it pays."""
        year = self._year
        if year == self._tried_in:
            return
        async with self._database.change(ACTOR) as transaction:
            pools = await reservations.pools_waiting(transaction.connection)
            await books.lock(transaction.connection, pools)
            await answer_waiting(transaction, pools, afresh=True)
        self._tried_in = year

    async def run(self, stop: asyncio.Event) -> None:
        """Look now and then until `stop`."""
        await work_until(stop, self.try_new_year, name="new year's budget", idle_seconds=LOOK_SECONDS)


async def _lock(transaction: Transaction, caller: Caller, statement_id: UUID) -> Any:
    """A reservation in scope under its pool's lock, which whoever answers statements holds."""
    seen = _in_scope(caller, await reservations.one(transaction.connection, statement_id))
    await books.lock(transaction.connection, [seen.pool])
    return await reservations.one(transaction.connection, statement_id)


def _in_scope(caller: Caller, row: Any) -> Any:
    if row is None or not caller.scope.covers(pool=row.pool):
        raise NotFound("没有这张结算单的预算占用，或不在您的权限范围内。")
    return row


async def _recorded(transaction: Transaction, row: Any, action: str, done: dict[str, Any]) -> ReservationView:
    before = {"status": row.status, "release_asked_by": row.release_asked_by, "release_reason": row.release_reason}
    transaction.record(AuditEntry(f"reservation.{action}", "statement", row.id, before, done))
    changed = await reservations.one(transaction.connection, row.id)
    return transaction.answer(_view(changed, day_of(transaction.now).year))


def _view(row: Any, year: int) -> ReservationView:
    return ReservationView(
        statement_id=row.id,
        pool=row.pool,
        organization_id=row.organization_id,
        month=row.month,
        fund_fen=row.fund_fen,
        decided_on=row.decided_on,
        status=row.status,
        status_text=STATUSES[row.status],
        draws_on=year if row.status in {"waiting", "reserved"} else None,
        basis=row.basis,
        short=row.short,
        release_asked_by=row.release_asked_by,
        release_reason=row.release_reason,
        let_through_by=row.let_through_by,
    )
