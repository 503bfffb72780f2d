"""Lines and entries are matched by rules whenever a statement comes or somebody asks, and by people where rules end.

Whoever changes a place's matches holds the rows of its bank accounts, so that two never match one line,
and a closing sees them finished.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.roles import Caller
from changhu_common.workdays import NATIONAL
from changhu_policies.reconciliation import reconciliation_rules
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.matching import (
    BY_HAND,
    DRAFTED,
    AlreadyMatched,
    Match,
    MatchInClosedPeriod,
    MatchUndone,
    matched,
    refuse_uneven_match,
    years_missing,
)
from fund_ledger.storage import bank_accounts, books, line_drafts, matches
from fund_ledger.usecases.books import refuse_other_pools


@dataclass(frozen=True, slots=True)
class MatchingView:
    """What the rules came to in one place: how many matches each made now, and what is left."""

    account: str
    county: str | None
    new: Mapping[str, int]
    kept: int
    taken_back: int
    lines_left: int
    entries_left: int
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class MatchView:
    """A match; undone ones stay, with who undid them and why."""

    match_id: UUID
    pool: str
    account: str
    county: str | None
    rule: str
    title: str
    amount_fen: int
    lines: Sequence[UUID]
    entries: Sequence[str]
    reason: str | None
    made_by: str
    made_at: datetime
    undone_by: str | None
    undone_at: datetime | None
    undone_reason: str | None


class Matching:
    """Matching (勾对)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, *, caller: Caller, asked: AskedChange, pool: str) -> list[MatchingView]:
        """Let the rules match whatever they can, in every place of a pool that the caller sees."""
        refuse_other_pools(caller, pool)
        async with self._database.change(asked) as transaction:
            rows = await bank_accounts.hold(transaction.connection, pool)
            places = sorted(
                {bank_accounts.place_of(row) for row in rows}, key=lambda each: (each.account, each.county or "")
            )
            seen = [each for each in places if caller.scope.covers(pool=pool, county=each.county)]
            return transaction.answer([await match_place(transaction, place) for place in seen])

    async def by_hand(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        place: Place,
        lines: Sequence[UUID],
        entries: Sequence[tuple[int, int]],
        reason: str,
    ) -> MatchView:
        """Match what a person says is the same money (手工勾对)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            await hold_place(connection, caller, place)
            made = Match(
                BY_HAND,
                tuple(await matches.lines(connection, place, lines)),
                tuple(await matches.entries(connection, place, entries)),
            )
            if len(made.lines) != len(set(lines)) or len(made.entries) != len(set(entries)):
                raise NotFound("有的流水或分录不存在, 或不属于这个科目的账户。")
            refuse_uneven_match(
                lines=[each.amount_fen for each in made.lines], entries=[each.amount_fen for each in made.entries]
            )
            if await matches.held(connection, made, place.pool):
                raise AlreadyMatched("有的流水或分录已在别的勾对中; 请刷新列表, 需要改动的先撤销原勾对。")
            match_id = await _write(transaction, place, made, by=caller.subject, reason=reason)
            return transaction.answer(_view(await matches.shown(connection, match_id)))

    async def undo(self, *, caller: Caller, asked: AskedChange, match_id: UUID, reason: str) -> MatchView:
        """Take a match apart (撤销勾对): it stays on record, and its parts are left to people from now on."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            row = await matches.shown(connection, match_id)
            if row is None or not caller.scope.covers(pool=row.pool, county=row.county):
                raise NotFound("没有这笔勾对, 或不在您的权限范围内。")
            await hold_place(connection, caller, Place(row.pool, row.account, row.county))
            row = await matches.shown(connection, match_id)
            if row.undone_by is not None:
                raise MatchUndone("这笔勾对已经撤销, 请刷新列表。")
            if row.last_on < await open_from(connection, row.pool):
                raise MatchInClosedPeriod("这笔勾对的流水和分录都在已结账的期间, 不能撤销; 确需更正请先反结账。")
            await matches.undo(connection, [match_id], by=caller.subject, at=transaction.now, reason=reason)
            transaction.record(AuditEntry("match.undone", "bank_match", match_id, after={"reason": reason}))
            return transaction.answer(_view(await matches.shown(connection, match_id)))

    async def some(self, *, caller: Caller, pool: str, undone: bool, after: UUID | None, count: int) -> list[MatchView]:
        """A pool's matches, newest first; `after` is the last one of the page before."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            rows = await matches.page(
                connection, pool=pool, scope=caller.scope, undone=undone, after=after, count=count
            )
        return [_view(row) for row in rows]


async def open_from(connection: AsyncConnection, pool: str) -> date:
    """The first day that is not closed."""
    head = await books.find(connection, pool)
    return (head.open_from if head else None) or date.min


async def hold_place(connection: AsyncConnection, caller: Caller, place: Place) -> Sequence[Any]:
    """A place's bank accounts, held; NotFound where there are none in scope."""
    rows = await bank_accounts.hold(connection, place.pool, place.account)
    own = [row for row in rows if row.county == place.county]
    if not own or not caller.scope.covers(pool=place.pool, county=place.county):
        raise NotFound(f"科目 {place.account} 没有登记银行账户, 或不在您的权限范围内。")
    return own


async def match_place(transaction: Transaction, place: Place) -> MatchingView:
    """Work out again what the rules match in a place; the caller holds its accounts."""
    connection = transaction.connection
    rows = [row for row in await bank_accounts.of_pool(connection, place.pool) if bank_accounts.place_of(row) == place]
    opened = await open_from(connection, place.pool)
    lines = await matches.lines_up(connection, place, open_from=opened)
    entries = await matches.entries_up(connection, place, since=min(row.since for row in rows), open_from=opened)
    rules = reconciliation_rules().matching
    # Beside the event loop: a busy month takes a second.
    found = await asyncio.to_thread(matched, lines=lines, entries=entries, rules=rules, calendar=NATIONAL)
    wanted = {each.key: each for each in found}
    before = await matches.by_rules(connection, place, open_from=opened)
    gone = [match_id for key, match_id in before.items() if key not in wanted]
    new = [each for key, each in wanted.items() if key not in before]
    by = transaction.actor.subject
    await matches.undo(connection, gone, by=by, at=transaction.now, reason=None)
    await matches.add(connection, place, new, by=by, at=transaction.now)
    counted = Counter(each.rule for each in new)
    if new or gone:
        done = {"new": counted, "taken_back": len(gone)}
        transaction.record(AuditEntry("matches.derived", "place", f"{place.pool}/{place.account}", after=done))
    days = {*(each.day for each in lines), *(each.day for each in entries)}
    return MatchingView(
        account=place.account,
        county=place.county,
        new=dict(counted),
        kept=len(wanted) - len(new),
        taken_back=len(gone),
        lines_left=len(lines) - sum(len(each.lines) for each in wanted.values()),
        entries_left=len(entries) - sum(len(each.entries) for each in wanted.values()),
        notes=[
            f"缺少 {year} 年的工作日历, 该年只勾对同一天的流水与分录"
            for year in years_missing(days=days, calendar=NATIONAL)
        ],
    )


async def match_drafted(transaction: Transaction, *, draft_id: UUID, journal_id: UUID) -> None:
    """Match a journal that was just booked with the line that it was drafted from, if it was and still can be."""
    connection = transaction.connection
    origin = await line_drafts.origin(connection, draft_id)
    if origin is None:
        return
    place = bank_accounts.place_of(origin)
    await bank_accounts.hold(connection, place.pool, place.account)
    made = Match(
        DRAFTED,
        tuple(await matches.lines(connection, place, [origin.line_id])),
        tuple(await matches.entries_of_journal(connection, place, journal_id)),
    )
    # There is no line where its statement was voided meanwhile: the journal is then matched like any other.
    equal = sum(each.amount_fen for each in made.entries) == made.amount_fen
    if made.lines and made.entries and equal and not await matches.held(connection, made, place.pool):
        await _write(transaction, place, made, by=transaction.actor.subject, reason=None)


async def _write(transaction: Transaction, place: Place, made: Match, *, by: str, reason: str | None) -> UUID:
    # What is closed stays as it was shown: there, what is matched now was outstanding.
    opened = await open_from(transaction.connection, place.pool)
    (match_id,) = await matches.add(
        transaction.connection, place, [made], by=by, at=transaction.now, reason=reason, not_before=opened
    )
    done = {
        "rule": made.rule,
        "lines": [each.id for each in made.lines],
        "entries": [_entry_key(each.key) for each in made.entries],
        "reason": reason,
    }
    transaction.record(AuditEntry("match.made", "bank_match", match_id, after=done))
    return match_id


def _entry_key(key: Sequence[int]) -> str:
    return f"{key[0]}/{key[1]}"


_TITLES = {BY_HAND: "手工勾对", DRAFTED: "由流水补记"}


def _view(row: Any) -> MatchView:
    titles = {rule.name: rule.title for rule in reconciliation_rules().matching} | _TITLES
    return MatchView(
        match_id=row.id,
        pool=row.pool,
        account=row.account,
        county=row.county,
        rule=row.rule,
        # A rule that is no longer there keeps its name.
        title=titles.get(row.rule, row.rule),
        amount_fen=row.amount_fen,
        lines=row.lines,
        entries=[_entry_key(each) for each in row.entries],
        reason=row.reason,
        made_by=row.made_by,
        made_at=row.made_at,
        undone_by=row.undone_by,
        undone_at=row.undone_at,
        undone_reason=row.undone_reason,
    )
