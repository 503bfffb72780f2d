"""Statements and their lines: written once, a statement's lines together, and found by the days that they tell."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import BigInteger, Row, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.statements import KnownStatement, StatementLine
from fund_ledger.storage.bank_tables import bank_line, bank_statement


async def add(connection: AsyncConnection, statement: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, bank_statement, [statement])
    await insert_rows(connection, bank_line, lines)


async def same_content(
    connection: AsyncConnection, account_id: UUID, content_hash: bytes
) -> Sequence[Row[*tuple[Any, ...]]]:
    """What a file with this content was taken for before; a file may hold several statements."""
    statement = select(bank_statement).where(
        bank_statement.c.bank_account_id == account_id, bank_statement.c.content_hash == content_hash
    )
    return (await connection.execute(statement.order_by(bank_statement.c.since))).all()


async def of_account(connection: AsyncConnection, account_id: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    """An account's statements in the order of their days."""
    statement = select(bank_statement).where(bank_statement.c.bank_account_id == account_id)
    return (
        await connection.execute(
            statement.order_by(bank_statement.c.since, bank_statement.c.until, bank_statement.c.id)
        )
    ).all()


async def lines_between(connection: AsyncConnection, account_id: UUID, since: date, until: date) -> list[StatementLine]:
    """An account's lines of some days, both included, without what is sealed."""
    statement = select(bank_line).where(
        bank_line.c.bank_account_id == account_id, bank_line.c.booked_on.between(since, until)
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
            .where(bank_statement.c.bank_account_id == account_id, bank_statement.c.since <= on)
            .order_by(bank_statement.c.until.desc(), bank_statement.c.since.desc())
            .limit(1)
        )
    ).one_or_none()
    if last is None:
        return None
    if last.until <= on:
        return int(last.closing_fen)
    told = and_(bank_line.c.bank_account_id == account_id, bank_line.c.booked_on.between(last.since, on))
    moved = await connection.scalar(
        select(cast(func.coalesce(func.sum(bank_line.c.amount_fen), 0), BigInteger)).where(told)
    )
    return int(last.opening_fen) + int(moved or 0)


def known(row: Any) -> KnownStatement:
    return KnownStatement(row.id, row.since, row.until, row.opening_fen, row.closing_fen)
