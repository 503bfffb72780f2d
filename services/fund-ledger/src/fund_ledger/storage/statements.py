"""Statements and their lines: written once, a statement's lines together, and found by the days that they tell."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import BigInteger, Row, and_, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.statements import KnownStatement, StatementLine
from fund_ledger.storage.bank_tables import bank_line, bank_statement


async def add(connection: AsyncConnection, statement: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, bank_statement, [statement])
    await insert_rows(connection, bank_line, lines)


async def void(connection: AsyncConnection, statement_id: UUID, *, by: str, at: datetime, reason: str) -> None:
    """Let a statement and the lines that it brought no longer stand; they stay on record."""
    values = {"voided_by": by, "voided_at": at, "void_reason": reason}
    await connection.execute(update(bank_statement).where(bank_statement.c.id == statement_id).values(values))
    await connection.execute(update(bank_line).where(bank_line.c.bank_statement_id == statement_id).values(voided=True))


async def one(connection: AsyncConnection, statement_id: UUID) -> Any:
    """A statement's row as it is now; None where there is none."""
    return (await connection.execute(select(bank_statement).where(bank_statement.c.id == statement_id))).one_or_none()


async def of_account(
    connection: AsyncConnection, account_id: UUID, *, voided: bool = False
) -> Sequence[Row[*tuple[Any, ...]]]:
    """An account's statements in the order of their days: those that stand, or those that were voided."""
    stands = bank_statement.c.voided_at.is_not(None) if voided else bank_statement.c.voided_at.is_(None)
    statement = select(bank_statement).where(bank_statement.c.bank_account_id == account_id, stands)
    return (
        await connection.execute(
            statement.order_by(bank_statement.c.since, bank_statement.c.until, bank_statement.c.id)
        )
    ).all()


async def lines_between(connection: AsyncConnection, account_id: UUID, since: date, until: date) -> list[StatementLine]:
    """An account's lines of some days, both included, without what is sealed."""
    statement = select(bank_line).where(
        bank_line.c.bank_account_id == account_id, bank_line.c.booked_on.between(since, until), ~bank_line.c.voided
    )
    return [
        StatementLine(row.booked_on, row.amount_fen, row.reference, row.end_to_end_id)
        for row in await connection.execute(statement)
    ]


async def balance(connection: AsyncConnection, account_id: UUID, on: date) -> int | None:
    """An account's balance (fen) at the end of a day, as its last statement up to then says; None before the first."""
    last = (
        await connection.execute(
            select(bank_statement)
            .where(
                bank_statement.c.bank_account_id == account_id,
                bank_statement.c.since <= on,
                bank_statement.c.voided_at.is_(None),
            )
            .order_by(bank_statement.c.until.desc(), bank_statement.c.since.desc())
            .limit(1)
        )
    ).one_or_none()
    if last is None:
        return None
    if last.until <= on:
        return int(last.closing_fen)
    days = bank_line.c.booked_on.between(last.since, on)
    told = and_(bank_line.c.bank_account_id == account_id, days, ~bank_line.c.voided)
    moved = await connection.scalar(
        select(cast(func.coalesce(func.sum(bank_line.c.amount_fen), 0), BigInteger)).where(told)
    )
    return int(last.opening_fen) + int(moved or 0)


def known(row: Any) -> KnownStatement:
    return KnownStatement(row.id, row.since, row.until, row.opening_fen, row.closing_fen)
