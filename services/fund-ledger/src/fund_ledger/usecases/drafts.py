"""Manual journals: entered by one person, approved by another, and booked in that moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies import load_pack
from changhu_policies.accounting import chart
from changhu_policies.vocabulary import PAYERS

from fund_ledger.domain.chain import digest
from fund_ledger.domain.clearing import refuse_one_sided
from fund_ledger.domain.drafts import (
    Draft,
    NotReversible,
    refuse_bad_lines,
    refuse_before_books,
    refuse_unless_approvable,
    reversed_lines,
)
from fund_ledger.domain.journal import Journal, Line
from fund_ledger.storage import books, drafts, journals
from fund_ledger.usecases.books import BookedJournal, booked_journal, refuse_other_pools
from fund_ledger.usecases.matching import match_drafted
from fund_ledger.usecases.posting import post, refuse_closed, refuse_overpaid_claims
from fund_ledger.usecases.reserving import answer_waiting

DRAFTS_PER_PAGE_MAX = 200

MANUAL, REVERSAL = "manual", "reversal"


@dataclass(frozen=True, slots=True)
class DraftView:
    """A manual journal before it is booked, or after: then `journal` is what it became."""

    draft_id: UUID
    pool: str
    title: str
    happened_on: date
    reason: str
    attachment: str
    lines: Sequence[dict[str, Any]]
    status: str
    entered_by: str
    entered_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    rejection_reason: str | None
    reverses: UUID | None
    recurring_id: UUID | None


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person enters: the lines, or a template of the chart with one amount and its dimensions."""

    title: str
    reason: str
    attachment: str
    lines: Sequence[Line]


class Drafts:
    """Manual journals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self, *, caller: Caller, asked: AskedChange, pool: str, happened_on: date, entered: Entered
    ) -> DraftView:
        """Enter a manual journal (录入)."""
        refuse_bad(caller, pool, entered.lines)
        async with self._database.change(asked) as transaction:
            return await enter_draft(transaction, caller, pool, happened_on, entered)

    async def reverse(
        self, *, caller: Caller, asked: AskedChange, journal_id: UUID, happened_on: date, reason: str, attachment: str
    ) -> DraftView:
        """Enter the reversal (冲销) of a booked journal: the same lines on the other side."""
        async with self._database.change(asked) as transaction:
            entry = await journals.find(transaction.connection, journal_id, scope=caller.scope)
            if entry is None or not all(caller.scope.covers(pool=entry.pool, county=e.county) for e in entry.lines):
                raise NotFound("没有这张凭证, 或不在您的权限范围内。")
            if entry.carries or entry.reverses:
                raise NotReversible("年终结转、清算和冲销凭证不能再冲销。")
            if await journals.reversal_of(transaction.connection, journal_id):
                raise NotReversible("这张凭证已经冲销过了。")
            entered = Entered(f"冲销: {entry.title}", reason, attachment, reversed_lines(entry.lines))
            return await enter_draft(transaction, caller, entry.pool, happened_on, entered, reverses=journal_id)

    async def approve(self, *, caller: Caller, asked: AskedChange, draft_id: UUID) -> BookedJournal:
        """Approve a manual journal (审批): it is booked in the same moment."""
        async with self._database.change(asked) as transaction:
            draft = await self._lock(transaction, caller, draft_id)
            refuse_unless_approvable(draft=draft, by=caller.subject)
            if draft.reverses:
                # Two drafts that reverse one journal take turns here.
                await books.lock(transaction.connection, [draft.pool])
                if await journals.reversal_of(transaction.connection, draft.reverses):
                    raise NotReversible("这张凭证已经冲销过了。")
            (entry,) = await post(transaction, [_journal(draft)], by_hand=True)
            await self._decide(transaction, caller, draft, "approved")
            await match_drafted(transaction, draft_id=draft.id, journal_id=entry.id)
            await answer_waiting(transaction, {draft.pool})
            return transaction.answer(booked_journal(entry))

    async def reject(self, *, caller: Caller, asked: AskedChange, draft_id: UUID, reason: str) -> DraftView:
        """Send a manual journal back (退回)."""
        async with self._database.change(asked) as transaction:
            draft = await self._lock(transaction, caller, draft_id)
            refuse_unless_approvable(draft=draft, by=caller.subject)
            await self._decide(transaction, caller, draft, "rejected", rejection_reason=reason)
            return transaction.answer(_view(await drafts.one(transaction.connection, draft_id)))

    @staticmethod
    async def _lock(transaction: Transaction, caller: Caller, draft_id: UUID) -> Draft:
        return drafts.as_draft(_in_scope(caller, await drafts.one(transaction.connection, draft_id, lock=True)))

    @staticmethod
    async def _decide(transaction: Transaction, caller: Caller, draft: Draft, status: str, **more: Any) -> None:
        done = {"status": status, "decided_by": caller.subject, "decided_at": transaction.now, **more}
        await drafts.decide(transaction.connection, draft.id, **done)
        transaction.record(AuditEntry(f"draft.{status}", "draft", draft.id, {"status": draft.status}, done))

    async def one(self, *, caller: Caller, draft_id: UUID) -> DraftView:
        """A manual journal; NotFound where some line of it is out of scope."""
        async with self._database.read() as connection:
            return _view(_in_scope(caller, await drafts.one(connection, draft_id)))

    async def some(
        self, *, caller: Caller, pool: str, status: str | None = None, after: UUID | None = None
    ) -> list[DraftView]:
        """A pool's manual journals, newest first; `after` is the last one of the page before."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            rows = await drafts.some(connection, pool=pool, status=status, after=after, count=DRAFTS_PER_PAGE_MAX)
        return [_view(row) for row in rows if covered(caller, row)]


async def enter_draft(
    transaction: Transaction, caller: Caller, pool: str, happened_on: date, entered: Entered, **more: Any
) -> DraftView:
    """Write a draft of this day, which lies neither ahead nor in a closed period."""
    refuse_before_books(day=happened_on, field="happened_on")
    refuse_future(happened_on, day_of(transaction.now))
    connection = transaction.connection
    made = new_row(pool, happened_on, entered, caller.subject, transaction.now) | more
    await drafts.add(connection, [made])
    row = await drafts.one(connection, made["id"])
    if head := await books.find(connection, pool):
        refuse_closed(head, [happened_on])
    await refuse_overpaid_claims(transaction, [_journal(drafts.as_draft(row))])
    transaction.record(AuditEntry("draft.entered", "draft", row.id, after=made))
    return transaction.answer(_view(row))


def covered(caller: Caller, row: Any) -> bool:
    """Whether the caller sees every line of what was entered."""
    return all(caller.scope.covers(pool=row.pool, county=line["county"]) for line in row.lines)


def _in_scope(caller: Caller, row: Any) -> Any:
    if row is None or not covered(caller, row):
        raise NotFound("没有这张凭证, 或不在您的权限范围内。")
    return row


def refuse_future(happened_on: date, today: date) -> None:
    if happened_on > today:
        raise InvalidInput("业务日期不能晚于今天。", errors=[FieldError("happened_on", "晚于今天")])


def new_row(pool: str, happened_on: date, entered: Entered, by: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "pool": pool,
        "title": entered.title,
        "happened_on": happened_on,
        "reason": entered.reason,
        "attachment": entered.attachment,
        "lines": drafts.written(entered.lines),
        "reverses": None,
        "recurring_id": None,
        "status": "entered",
        "entered_by": by,
        "entered_at": now,
        "decided_by": None,
        "decided_at": None,
        "rejection_reason": None,
    }


def refuse_bad(caller: Caller, pool: str, lines: Sequence[Line]) -> None:
    refuse_other_pools(caller, pool)
    refuse_bad_lines(lines=lines, accounts=chart().accounts, places={pool, *load_pack(pool).counties}, payers=PAYERS)
    refuse_one_sided(lines)
    if not all(caller.scope.covers(pool=pool, county=line.county) for line in lines):
        raise NotFound("分录涉及的县（市、区）不在您的权限范围内。")


def _journal(draft: Draft) -> Journal:
    source = REVERSAL if draft.reverses else MANUAL
    return Journal(
        id=named_id("fund-ledger.journal", source, draft.id),
        pool=draft.pool,
        title=draft.title,
        source=source,
        source_event_id=draft.id,
        happened_on=draft.happened_on,
        lines=draft.lines,
        # Reason and attachment are in the hash, so the chain proves them too.
        facts_hash=digest(
            {
                "title": draft.title,
                "happened_on": draft.happened_on.isoformat(),
                "reason": draft.reason,
                "attachment": draft.attachment,
                "lines": drafts.written(draft.lines),
            }
        ),
        reverses=draft.reverses,
    )


def _view(row: Any) -> DraftView:
    return DraftView(
        draft_id=row.id,
        pool=row.pool,
        title=row.title,
        happened_on=row.happened_on,
        reason=row.reason,
        attachment=row.attachment,
        lines=row.lines,
        status=row.status,
        entered_by=row.entered_by,
        entered_at=row.entered_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        rejection_reason=row.rejection_reason,
        reverses=row.reverses,
        recurring_id=row.recurring_id,
    )
