"""A year's budget: drafted by one, approved by another; each change within the year is another version."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID

from changhu_common.bulk_files import LINE, read_bulk
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound
from changhu_common.ids import new_id
from changhu_common.money import exact
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_common.table_files import table_file
from changhu_policies import load_pack
from changhu_policies.accounting import chart

from fund_ledger.domain.budget_rows import COLUMNS, read_line, written_line
from fund_ledger.domain.budgets import (
    BUDGETED_KINDS,
    BudgetLine,
    DraftExists,
    LinesInvalid,
    NothingExecuted,
    Position,
    copied,
    line_errors,
    refuse_bad_lines,
    refuse_below_execution,
    refuse_unless_decidable,
)
from fund_ledger.storage import books, budgets
from fund_ledger.usecases.books import refuse_part_of_pool
from fund_ledger.usecases.reserving import answer_waiting, rules_of, used

BUDGETS_PER_PAGE_MAX = 200
FACTOR_MAX = 10  # a year that is ten times the one before is a slip of the keyboard


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A version of a year's budget (预算); it has its number once it is approved."""

    budget_id: UUID
    pool: str
    year: int
    version: int | None
    status: str
    reason: str
    attachment: str
    entered_by: str
    entered_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    rejection_reason: str | None


@dataclass(frozen=True, slots=True)
class BudgetLineView:
    account: str
    name: str
    county: str | None
    scheme: str | None
    amount_fen: int


@dataclass(frozen=True, slots=True)
class BudgetDetail:
    """A version with its lines; a line without county is the whole pool's."""

    budget: BudgetView
    lines: Sequence[BudgetLineView]
    income_fen: int
    expense_fen: int


@dataclass(frozen=True, slots=True)
class Paper:
    """Why a version is drafted, and the paper that it rests on (附件)."""

    reason: str
    attachment: str


class Budgets:
    """Drafting, deciding and reading budgets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self, *, caller: Caller, asked: AskedChange, pool: str, year: int, paper: Paper, lines: Sequence[BudgetLine]
    ) -> BudgetDetail:
        """Draft a budget line by line (编制)."""
        refuse_part_of_pool(caller, pool)
        _refuse_bad(pool, lines, range(1, len(lines) + 1))
        async with self._database.change(asked) as transaction:
            return await _draft(transaction, pool, year, paper, lines, "entered")

    async def bring_in(
        self, *, caller: Caller, asked: AskedChange, pool: str, year: int, paper: Paper, content: bytes
    ) -> BudgetDetail:
        """Draft a budget from a file (导入): all of its rows, or none and every bad one told."""
        refuse_part_of_pool(caller, pool)
        file = await asyncio.to_thread(read_bulk, content, COLUMNS)
        places, unreadable = _places(pool), {error.line for error in file.errors}
        errors, lines, numbers = list(file.errors), [], []
        for cells in file.rows.iter_rows(named=True):
            if cells[LINE] in unreadable:
                continue
            read = read_line(cells, line=cells[LINE], places=places)
            if isinstance(read, BudgetLine):
                lines.append(read)
                numbers.append(cells[LINE])
            else:
                errors += read
        _refuse_bad(pool, lines, numbers, errors)
        async with self._database.change(asked) as transaction:
            return await _draft(transaction, pool, year, paper, lines, "imported")

    async def copy(
        self, *, caller: Caller, asked: AskedChange, pool: str, year: int, paper: Paper, from_year: int, factor: str
    ) -> BudgetDetail:
        """Draft a budget from what another year came to, each amount times `factor`, as in 105%."""
        refuse_part_of_pool(caller, pool)
        async with self._database.change(asked) as transaction:
            found = await budgets.executed(transaction.connection, pool, from_year, _budgeted())
            executed: dict[Position, int] = {}
            for (at, _), fen in found.items():
                executed[at] = executed.get(at, 0) + _signed(at.account, fen)
            lines = copied(executed, factor=_factor(factor))
            if not lines:
                raise NothingExecuted(f"{from_year} 年账上没有收入和支出，请直接录入或导入预算。")
            return await _draft(transaction, pool, year, paper, lines, "copied")

    async def approve(self, *, caller: Caller, asked: AskedChange, budget_id: UUID) -> BudgetDetail:
        """Approve a draft (审批): it holds from now on, and what waited for the budget is tried again."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            row = await _lock(transaction, caller, budget_id)
            before = await budgets.in_force(connection, row.pool, row.year)
            lines = await budgets.lines(connection, budget_id)
            today = day_of(transaction.now)
            if row.year == today.year and (await rules_of(connection, row.pool, today)).binding:
                refuse_below_execution(
                    lines=lines,
                    before=await budgets.lines(connection, before.id) if before else (),
                    used=await used(connection, row.pool, row.year, _of_kind("expense")),
                )
            done = {"status": "approved", "version": before.version + 1 if before else 1}
            await _decide(transaction, caller, row, done)
            await answer_waiting(transaction, {row.pool}, afresh=True)
            return transaction.answer(await _detail(transaction.connection, budget_id))

    async def reject(self, *, caller: Caller, asked: AskedChange, budget_id: UUID, reason: str) -> BudgetDetail:
        """Send a draft back (退回); who drafted it may withdraw it."""
        async with self._database.change(asked) as transaction:
            row = await _lock(transaction, caller, budget_id, withdrawing=True)
            await _decide(transaction, caller, row, {"status": "rejected", "rejection_reason": reason})
            return transaction.answer(await _detail(transaction.connection, budget_id))

    async def one(self, *, caller: Caller, budget_id: UUID) -> BudgetDetail:
        async with self._database.read() as connection:
            _in_scope(caller, await budgets.one(connection, budget_id))
            return await _detail(connection, budget_id)

    async def file(self, *, caller: Caller, budget_id: UUID, form: Literal["csv", "xlsx"]) -> bytes:
        """A version as the file that can be changed and brought in again (导出)."""
        told = await self.one(caller=caller, budget_id=budget_id)
        places = _places(told.budget.pool)
        rows = [
            written_line(
                BudgetLine(each.account, each.county, each.scheme, each.amount_fen), name=each.name, places=places
            )
            for each in told.lines
        ]
        head = tuple(column.title for column in COLUMNS)
        return await asyncio.to_thread(table_file, head, rows, form=form, sheet="预算")

    async def some(self, *, caller: Caller, pool: str, year: int | None, after: UUID | None) -> list[BudgetView]:
        """A pool's versions and drafts, newest first."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            rows = await budgets.some(connection, pool=pool, year=year, after=after, count=BUDGETS_PER_PAGE_MAX)
        return [_view(row) for row in rows]


async def _draft(
    transaction: Transaction, pool: str, year: int, paper: Paper, lines: Sequence[BudgetLine], how: str
) -> BudgetDetail:
    budget_id = new_id()
    head = {
        "id": budget_id,
        "pool": pool,
        "year": year,
        "reason": paper.reason,
        "attachment": paper.attachment,
        "status": "entered",
        "entered_by": transaction.actor.subject,
        "entered_at": transaction.now,
    }
    if not await budgets.add(transaction.connection, head, lines):
        raise DraftExists(f"{year} 年已有一份待审批的预算，请先审批或退回它。")
    shown = {"pool": pool, "year": year, "lines": len(lines), "amount_fen": sum(each.amount_fen for each in lines)}
    transaction.record(AuditEntry(f"budget.{how}", "budget", budget_id, after=shown | {"reason": paper.reason}))
    return transaction.answer(await _detail(transaction.connection, budget_id))


async def _lock(transaction: Transaction, caller: Caller, budget_id: UUID, *, withdrawing: bool = False) -> Any:
    seen = _in_scope(caller, await budgets.one(transaction.connection, budget_id))
    await books.lock(transaction.connection, [seen.pool])
    row = await budgets.one(transaction.connection, budget_id, lock=True)
    assert row is not None
    refuse_unless_decidable(status=row.status, entered_by="" if withdrawing else row.entered_by, by=caller.subject)
    return row


async def _decide(transaction: Transaction, caller: Caller, row: Any, done: Mapping[str, Any]) -> None:
    decided = {**done, "decided_by": caller.subject, "decided_at": transaction.now}
    await budgets.decide(transaction.connection, row.id, **decided)
    transaction.record(AuditEntry(f"budget.{done['status']}", "budget", row.id, {"status": row.status}, decided))


def _in_scope(caller: Caller, row: Any) -> Any:
    if row is None or not caller.scope.covers(pool=row.pool):
        raise NotFound("没有这份预算，或不在您的权限范围内。")
    return row


def _refuse_bad(
    pool: str, lines: Sequence[BudgetLine], numbers: Sequence[int], errors: Iterable[FieldError] = ()
) -> None:
    kinds = {number: account.kind for number, account in chart().accounts.items()}
    found = [*errors, *line_errors(lines, accounts=kinds, places=_places(pool), numbers=numbers)]
    found.sort(key=lambda error: error.line or 0)
    refuse_bad_lines(found, count=len(lines) + len({error.line for error in errors}))


def _places(pool: str) -> dict[str, str]:
    """The pool's own book and its counties, by code."""
    return {pool: "市本级", **load_pack(pool).counties}


def _of_kind(*kinds: str) -> list[str]:
    return [number for number, account in chart().accounts.items() if account.kind in kinds]


def _budgeted() -> list[str]:
    return _of_kind(*BUDGETED_KINDS)


def _signed(account: str, fen: int) -> int:
    """What came in, for an income account; what went out, for an expense."""
    return -fen if chart().accounts[account].kind == "income" else fen


def _factor(written: str) -> Fraction:
    try:
        factor = exact(written)
    except (ValueError, ZeroDivisionError) as error:
        raise LinesInvalid("系数应写成百分数，如 105%。", errors=[FieldError("factor", "格式有误")]) from error
    if not 0 < factor <= FACTOR_MAX:
        raise LinesInvalid("系数应大于 0，不超过 1000%。", errors=[FieldError("factor", "超出范围")])
    return factor


async def _detail(connection: Any, budget_id: UUID) -> BudgetDetail:
    row = await budgets.one(connection, budget_id)
    accounts = chart().accounts
    lines = await budgets.lines(connection, budget_id)
    sums = {kind: sum(e.amount_fen for e in lines if accounts[e.account].kind == kind) for kind in BUDGETED_KINDS}
    return BudgetDetail(
        budget=_view(row),
        lines=[
            BudgetLineView(each.account, accounts[each.account].name, each.county, each.scheme, each.amount_fen)
            for each in lines
        ],
        income_fen=sums["income"],
        expense_fen=sums["expense"],
    )


def _view(row: Any) -> BudgetView:
    copied_over = {name: getattr(row, name) for name in BudgetView.__dataclass_fields__ if name != "budget_id"}
    return BudgetView(budget_id=row.id, **copied_over)
