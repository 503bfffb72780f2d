"""Closing a month and opening it again; the year's last month carries the year over and clears the counties."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from changhu_common.clock import Clock
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.ledger import PeriodClosed, PeriodReopened
from changhu_common.ids import named_id
from changhu_common.periods import Month
from changhu_common.roles import Caller, Scope, ScopePart
from changhu_policies import load_pack, pools
from changhu_policies.accounting import chart
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.chain import Head, digest
from fund_ledger.domain.clearing import CountyClearing, claims, cleared, open_claims, overpaid_claims
from fund_ledger.domain.drafts import SamePerson, reversed_lines
from fund_ledger.domain.journal import Journal, Line
from fund_ledger.domain.periods import (
    YEAR_END,
    Check,
    ChecksFailed,
    ReopeningNotAsked,
    carried,
    refuse_unless_last_closed,
    refuse_unless_next,
)
from fund_ledger.storage import bank_accounts, books, drafts, journals, periods, totals
from fund_ledger.usecases.books import anchor_of, refuse_part_of_pool
from fund_ledger.usecases.posting import post
from fund_ledger.usecases.reconciliation import bank_checks
from fund_ledger.usecases.recurring import not_drafted

# Events that are on their way to the ledger and not booked yet, by topic.
Lag = Callable[[], Awaitable[Mapping[str, int]]]

CLEARS = "surplus_then_treasury"

# What the system itself sees of the books.
WHOLE = Scope(frozenset({ScopePart("")}))


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A month of a pool's books (会计期间) as it stands now."""

    pool: str
    month: str
    status: str
    closed_by: str | None = None
    closed_at: datetime | None = None
    sequence: int | None = None
    hash: str | None = None
    reopening_asked_by: str | None = None
    reopening_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ClearingView:
    """A year's clearing, county by county, in fen; `booked` while the year is closed and nobody asks to open it.

    `unpaid_fen` is what counties' treasuries owe now, of this year or another; `overpaid_fen` what they paid
    beyond what is claimed of them, as they did of a claim that a year opened again took back.
    """

    pool: str
    year: int
    rule: str
    clause: str
    status: str
    booked: bool
    counties: Sequence[CountyClearing]
    claim_fen: int
    unpaid_fen: Mapping[str, int]
    overpaid_fen: Mapping[str, int]
    anchor: str | None


class Periods:
    """The months of a pool's books."""

    def __init__(self, database: Database, clock: Clock, lag: Lag) -> None:
        self._database = database
        self._clock = clock
        self._lag = lag

    async def some(self, *, caller: Caller, pool: str) -> list[PeriodView]:
        """The open month, then those that were closed, newest first."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            known = await periods.some(connection, pool)
            head = await books.find(connection, pool)
            due = (head.open_from if head else None) or await totals.first_day(connection, pool)
        views = [_view(row) for row in known]
        if due is not None and str(Month.of(due)) not in {view.month for view in views}:
            views.insert(0, PeriodView(pool=pool, month=str(Month.of(due)), status="open"))
        return views

    async def checks(self, *, caller: Caller, pool: str, month: Month) -> list[Check]:
        """What a closing of the month would find now."""
        refuse_part_of_pool(caller, pool)
        lag = await self._lag()
        async with self._database.read() as connection:
            return await _checks(connection, pool, month, lag)

    async def close(self, *, caller: Caller, asked: AskedChange, pool: str, month: Month) -> PeriodView:
        """Close a month (结账)."""
        refuse_part_of_pool(caller, pool)
        lag = await self._lag()
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            head = (await books.lock(connection, [pool]))[pool]
            refuse_unless_next(
                month=month,
                open_from=head.open_from,
                first_booked=await totals.first_day(connection, pool),
                today=self._clock.today(),
            )
            await bank_accounts.hold(connection, pool)  # matches stand still while they are looked at
            failed = [check for check in await _checks(connection, pool, month, lag) if not check.holds]
            if failed:
                raise ChecksFailed(
                    "结账检查未通过: " + "; ".join(check.detail for check in failed),
                    checks=[{"name": check.name, "detail": check.detail} for check in failed],
                )
            if month.number == YEAR_END:
                await _end_year(transaction, head, month)
            head = (await books.lock(connection, [pool]))[pool]
            await periods.open_from(connection, pool, month.plus(1).first)
            kept = {
                "pool": pool,
                "month": month.first,
                "status": "closed",
                "closed_by": caller.subject,
                "closed_at": transaction.now,
                "sequence": head.sequence,
                "hash": head.hash,
                "reopening_asked_by": None,
                "reopening_reason": None,
            }
            await periods.keep(connection, **kept)
            transaction.emit(PeriodClosed(pool=pool, month=str(month), sequence=head.sequence, hash=head.hash.hex()))
            _record(transaction, "period.closed", pool, month, {"sequence": head.sequence, "hash": head.hash.hex()})
            return transaction.answer(await _told(connection, pool, month))

    async def ask_reopening(
        self, *, caller: Caller, asked: AskedChange, pool: str, month: Month, reason: str
    ) -> PeriodView:
        """Ask for the last closed month to be opened again (反结账)."""
        refuse_part_of_pool(caller, pool)
        async with self._database.change(asked) as transaction:
            head = (await books.lock(transaction.connection, [pool]))[pool]
            refuse_unless_last_closed(month=month, open_from=head.open_from)
            await periods.change(
                transaction.connection,
                pool,
                month.first,
                status="reopening",
                reopening_asked_by=caller.subject,
                reopening_reason=reason,
            )
            _record(transaction, "period.reopening_asked", pool, month, {"reason": reason})
            return transaction.answer(await _told(transaction.connection, pool, month))

    async def refuse_reopening(
        self, *, caller: Caller, asked: AskedChange, pool: str, month: Month, reason: str
    ) -> PeriodView:
        """Leave the month closed (退回反结账): somebody does not approve, or who asked withdraws it."""
        refuse_part_of_pool(caller, pool)
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            await books.lock(connection, [pool])
            known = await periods.one(connection, pool, month.first)
            if known is None or known.status != "reopening":
                raise ReopeningNotAsked(f"{month} 没有待批准的反结账申请, 请刷新会计期间列表。")
            cleared = {"status": "closed", "reopening_asked_by": None, "reopening_reason": None}
            await periods.change(connection, pool, month.first, **cleared)
            _record(transaction, "period.reopening_refused", pool, month, {"reason": reason})
            return transaction.answer(await _told(connection, pool, month))

    async def reopen(self, *, caller: Caller, asked: AskedChange, pool: str, month: Month) -> PeriodView:
        """Open the month again: somebody other than who asked. A year end's own journals are reversed."""
        refuse_part_of_pool(caller, pool)
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            head = (await books.lock(connection, [pool]))[pool]
            known = await periods.one(connection, pool, month.first)
            if known is None or known.status != "reopening":
                raise ReopeningNotAsked(f"{month} 没有待批准的反结账申请; 请先由另一人提出并写明原因。")
            refuse_unless_last_closed(month=month, open_from=head.open_from)
            if known.reopening_asked_by == caller.subject:
                raise SamePerson("提出反结账的人不能批准自己的申请, 请由另一名会计办理。")
            await periods.open_from(connection, pool, month.first)
            await periods.change(connection, pool, month.first, status="open")
            if month.number == YEAR_END:
                await _reverse_year_end(transaction, pool, month)
            transaction.emit(PeriodReopened(pool=pool, month=str(month), reason=known.reopening_reason))
            _record(transaction, "period.reopened", pool, month, {"reason": known.reopening_reason})
            return transaction.answer(await _told(connection, pool, month))

    async def clearing(self, *, caller: Caller, pool: str, year: int) -> ClearingView:
        """How the counties' deficits of a year are covered, as the books stand now."""
        refuse_part_of_pool(caller, pool)
        rule = _clearing_rule(pool, date(year, 12, 31))
        if rule is None:
            raise NotFound(f"统筹区 {pool} 的文件没有规定分县清算。")
        async with self._database.read() as connection:
            counties = await _clearing(connection, pool, year)
            known = await periods.one(connection, pool, date(year, YEAR_END, 1))
            stands = await totals.by_book(connection, pool=pool, until=date.max)
            anchor = await anchor_of(connection, pool)
        return ClearingView(
            pool=pool,
            year=year,
            rule=rule.value,
            clause=rule.clause,
            status=rule.status,
            booked=known is not None and known.status == "closed",
            counties=counties,
            claim_fen=sum(each.claim_fen for each in counties),
            unpaid_fen={county: fen for (county, _), fen in open_claims(pool=pool, balances=stands).items()},
            overpaid_fen={county: fen for (county, _), fen in overpaid_claims(pool=pool, balances=stands).items()},
            anchor=anchor,
        )


async def _checks(connection: AsyncConnection, pool: str, month: Month, lag: Mapping[str, int]) -> list[Check]:
    sums: dict[tuple[str, str | None], int] = {}
    for each in await totals.by_book(connection, pool=pool, until=month.last):
        book = (each.county, each.scheme)
        sums[book] = sums.get(book, 0) + each.fen
    unbalanced = sorted(county for (county, _), fen in sums.items() if fen)
    waiting = {topic: messages for topic, messages in lag.items() if messages}
    parked = await periods.parked(connection)
    entered = await periods.drafts_waiting(connection, pool, month.last)
    due = await not_drafted(connection, pool, month.last)
    return [
        Check("trial_balance", "试算平衡", not unbalanced, f"借贷不平的账: {'、'.join(unbalanced) or '无'}"),
        Check("events_waiting", "业务事件均已记账", not waiting, f"尚未记账的事件 {sum(waiting.values())} 件"),
        Check("events_parked", "没有停放的事件", not parked, f"无法处理而停放的事件 {parked} 件"),
        Check("drafts_waiting", "人工凭证均已审批", not entered, f"待审批的人工凭证 {entered} 张"),
        Check("recurring_drafted", "定期凭证均已生成", not due, f"尚未生成的定期凭证 {due} 张, 生成后请审批或退回"),
        *await bank_checks(connection, pool, month),
    ]


async def _end_year(transaction: Transaction, head: Head, month: Month) -> None:
    """Carry the year's income and expense into the surplus, then clear the counties where the pack says so."""
    pool, connection = head.pool, transaction.connection
    kinds = {number: account.kind for number, account in chart().accounts.items()}
    counties = await _clearing(connection, pool, month.year) if _clearing_rule(pool, month.last) else []
    balances = await totals.by_book(connection, pool=pool, until=month.last)
    made = [
        _year_end_journal(pool, month.last, source, title, lines, head.sequence)
        for source, title, lines in (
            ("year_end.carried", "年终结转", carried(balances=balances, kinds=kinds)),
            ("year_end.cleared", "分县清算", claims(pool=pool, counties=counties)),
        )
        if lines
    ]
    await post(transaction, made)


def _year_end_journal(
    pool: str, on: date, source: str, title: str, lines: Sequence[Line], sequence: int, **more: Any
) -> Journal:
    """A year closed again is another year end: what it follows in the chain tells the two apart."""
    made = named_id(f"fund-ledger.{source}", pool, on, sequence)
    return Journal(
        id=made,
        pool=pool,
        title=title,
        source=source,
        source_event_id=made,
        happened_on=on,
        lines=lines,
        facts_hash=digest({"lines": drafts.written(lines)}),
        carries=True,
        **more,
    )


async def _reverse_year_end(transaction: Transaction, pool: str, month: Month) -> None:
    made = []
    for journal_id in await periods.year_end_journals(transaction.connection, pool, month.last):
        entry = await journals.find(transaction.connection, journal_id, scope=WHOLE)
        assert entry  # a year end always has lines
        made.append(
            _year_end_journal(
                pool,
                month.last,
                "year_end.reversed",
                f"冲销: {entry.title}",
                reversed_lines(entry.lines),
                entry.sequence,
                reverses=journal_id,
            )
        )
    await post(transaction, made)


async def _clearing(connection: AsyncConnection, pool: str, year: int) -> list[CountyClearing]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    return cleared(
        pool=pool,
        counties=load_pack(pool).counties,
        year=await totals.by_book(connection, pool=pool, since=first, until=last, with_carries=False),
        before=await totals.by_book(connection, pool=pool, until=date(year - 1, 12, 31)),
        kinds={number: account.kind for number, account in chart().accounts.items()},
    )


def _clearing_rule(pool: str, on: date) -> Any:
    """What the pack says of clearing between counties; None where it says nothing."""
    rule = load_pack(pool).find("fund.county_clearing", on=on) if pool in pools() else None
    return rule if rule is not None and rule.value == CLEARS else None


def _record(transaction: Transaction, action: str, pool: str, month: Month, after: dict[str, Any]) -> None:
    transaction.record(AuditEntry(action, "period", f"{pool}/{month}", after=after))


async def _told(connection: AsyncConnection, pool: str, month: Month) -> PeriodView:
    return _view(await periods.one(connection, pool, month.first))


def _view(row: Any) -> PeriodView:
    return PeriodView(
        pool=row.pool,
        month=str(Month.of(row.month)),
        status=row.status,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        sequence=row.sequence,
        hash=row.hash.hex(),
        reopening_asked_by=row.reopening_asked_by,
        reopening_reason=row.reopening_reason,
    )
