"""Versions of a year's budget, and what the books say was executed of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.periods import Month
from changhu_common.rows import insert_rows
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.budgets import BudgetLine, Position
from fund_ledger.storage.budget_tables import budget, budget_line
from fund_ledger.storage.tables import daily_total

Found = Row[*tuple[Any, ...]]


async def add(connection: AsyncConnection, head: Mapping[str, Any], of: Iterable[BudgetLine]) -> bool:
    """Write a draft with its lines; False where another one of the year waits for its decision."""
    (result,) = await insert_rows(connection, budget, [head], then="ON CONFLICT DO NOTHING RETURNING id")
    if not result.all():
        return False
    written = [
        {
            "budget_id": head["id"],
            "account": line.account,
            "county": line.county or "",
            "scheme": line.scheme or "",
            "amount_fen": line.amount_fen,
        }
        for line in of
    ]
    await insert_rows(connection, budget_line, written)
    return True


async def one(connection: AsyncConnection, budget_id: UUID, *, lock: bool = False) -> Found | None:
    statement = select(budget).where(budget.c.id == budget_id)
    return (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()


async def in_force(connection: AsyncConnection, pool: str, year: int) -> Found | None:
    """The approved version of a year that came last."""
    return (
        await connection.execute(
            select(budget)
            .where(budget.c.pool == pool, budget.c.year == year, budget.c.version.is_not(None))
            .order_by(budget.c.version.desc())
            .limit(1)
        )
    ).one_or_none()


async def lines(connection: AsyncConnection, budget_id: UUID) -> list[BudgetLine]:
    rows = await connection.execute(
        select(budget_line)
        .where(budget_line.c.budget_id == budget_id)
        .order_by(budget_line.c.account, budget_line.c.county, budget_line.c.scheme)
    )
    return [BudgetLine(row.account, row.county or None, row.scheme or None, row.amount_fen) for row in rows]


async def some(
    connection: AsyncConnection, *, pool: str, year: int | None, after: UUID | None, count: int
) -> Sequence[Found]:
    """A pool's versions and drafts, newest first; `after` is the last one of the page before."""
    conditions = [budget.c.pool == pool]
    if year is not None:
        conditions.append(budget.c.year == year)
    if after is not None:
        conditions.append(budget.c.id < after)
    statement = select(budget).where(*conditions).order_by(budget.c.id.desc()).limit(count)
    return (await connection.execute(statement)).all()


async def decide(connection: AsyncConnection, budget_id: UUID, **values: Any) -> None:
    await connection.execute(update(budget).where(budget.c.id == budget_id).values(values))


async def executed(
    connection: AsyncConnection, pool: str, year: int, accounts: Iterable[str]
) -> dict[tuple[Position, Month], int]:
    """What these accounts moved (fen, debit positive) in each month of a year's books, position by position."""
    month = func.date_trunc("month", daily_total.c.accounting_on).label("month")
    columns = (daily_total.c.account, daily_total.c.county, daily_total.c.scheme, month)
    rows = await connection.execute(
        select(*columns, func.sum(daily_total.c.debit_fen - daily_total.c.credit_fen).label("fen"))
        .where(
            daily_total.c.pool == pool,
            daily_total.c.accounting_on.between(date(year, 1, 1), date(year, 12, 31)),
            daily_total.c.carries.is_(False),
            daily_total.c.account == func.any(list(accounts)),
        )
        .group_by(*columns)
    )
    return {(Position(row.account, row.county, row.scheme or None), Month.of(row.month)): int(row.fen) for row in rows}
