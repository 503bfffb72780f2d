"""The banks' accounts of a pool. Whoever loads, matches or closes holds the rows of the place it is about."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.storage.bank_tables import bank_account, bank_line

_REGION = func.coalesce(bank_account.c.county, bank_account.c.pool)


async def add(connection: AsyncConnection, row: dict[str, Any]) -> None:
    await insert_rows(connection, bank_account, [row])


async def change(connection: AsyncConnection, account_id: UUID, **values: Any) -> None:
    await connection.execute(update(bank_account).where(bank_account.c.id == account_id).values(values))


async def one(connection: AsyncConnection, account_id: UUID, *, scope: Scope) -> Row[*tuple[Any, ...]] | None:
    """An account in scope; None where there is none."""
    statement = select(bank_account).where(bank_account.c.id == account_id, within(scope, region=_REGION))
    return (await connection.execute(statement)).one_or_none()


async def by_number(connection: AsyncConnection, digests: Sequence[bytes]) -> Row[*tuple[Any, ...]] | None:
    statement = select(bank_account).where(bank_account.c.number_index.in_(digests))
    return (await connection.execute(statement)).one_or_none()


async def of_line(connection: AsyncConnection, line_id: UUID, *, scope: Scope) -> Row[*tuple[Any, ...]] | None:
    """The account that a line is of, in scope; None also where its statement was voided."""
    of = select(bank_line.c.bank_account_id).where(bank_line.c.id == line_id, ~bank_line.c.voided).scalar_subquery()
    statement = select(bank_account).where(bank_account.c.id == of, within(scope, region=_REGION))
    return (await connection.execute(statement)).one_or_none()


async def of_pool(
    connection: AsyncConnection, pool: str, *, scope: Scope | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """A pool's accounts, those in scope where one is given, in the order of their places."""
    statement = select(bank_account).where(bank_account.c.pool == pool)
    if scope is not None:
        statement = statement.where(within(scope, region=_REGION))
    return (
        await connection.execute(statement.order_by(bank_account.c.account, bank_account.c.county, bank_account.c.id))
    ).all()


async def hold(connection: AsyncConnection, pool: str, account: str | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """A pool's accounts (those that stand for one account of the books), locked in the order of their ids."""
    statement = select(bank_account).where(bank_account.c.pool == pool)
    if account is not None:
        statement = statement.where(bank_account.c.account == account)
    return (await connection.execute(statement.order_by(bank_account.c.id).with_for_update())).all()


def place_of(row: Any) -> Place:
    return Place(row.pool, row.account, row.county)
