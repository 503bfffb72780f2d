"""Fees of commissioned insurers, who bears which part of them, and which one stands for a period."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.steps import FREE
from settlement.storage.budget import STANDING
from settlement.storage.handling_tables import handling_fee, handling_fee_part
from settlement.storage.tables import budget_answer

Found = Row[*tuple[Any, ...]]

_FEES = select(handling_fee, *STANDING).outerjoin(budget_answer, budget_answer.c.statement_id == handling_fee.c.id)


async def add(connection: AsyncConnection, *, fee: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, handling_fee, [fee])
    await insert_rows(connection, handling_fee_part, parts)


async def one(connection: AsyncConnection, *, fee_id: UUID, scope: Scope, locked: bool = False) -> Found | None:
    """A fee in scope, locked until the transaction ends where it is to be changed."""
    asked = _FEES.where(handling_fee.c.id == fee_id, within(scope, region=handling_fee.c.pool))
    return (await connection.execute(asked.with_for_update(of=handling_fee) if locked else asked)).one_or_none()


async def standing(connection: AsyncConnection, *, account_id: UUID, days: DateRange) -> Found | None:
    """The fee of one insurer in one pool that covers any of these days and holds them still."""
    asked = (
        select(handling_fee.c.id, handling_fee.c.period)
        .where(
            handling_fee.c.account_id == account_id,
            handling_fee.c.status.not_in(FREE),
            handling_fee.c.start <= days.end,
            handling_fee.c.end >= days.start,
        )
        .order_by(handling_fee.c.id.desc())
        .limit(1)
    )
    return (await connection.execute(asked)).one_or_none()


async def correction_of(connection: AsyncConnection, fee_id: UUID) -> UUID | None:
    """The correction of a fee that was neither rejected nor returned."""
    return await connection.scalar(
        select(handling_fee.c.id).where(handling_fee.c.corrects_id == fee_id, handling_fee.c.status.not_in(FREE))
    )


async def parts(connection: AsyncConnection, fee_id: UUID) -> Sequence[Found]:
    """Who bears a fee, in order of county and scheme."""
    return (
        await connection.execute(
            select(handling_fee_part)
            .where(handling_fee_part.c.fee_id == fee_id)
            .order_by(handling_fee_part.c.county, handling_fee_part.c.scheme)
        )
    ).all()


async def some(
    connection: AsyncConnection,
    *,
    scope: Scope,
    pool: str | None = None,
    organization_id: UUID | None = None,
    period: str | None = None,
    status: str | None = None,
    budget: str | None = None,
    after: UUID | None = None,
    rows_max: int,
) -> Sequence[Found]:
    """Fees in scope, newest first; `budget` tells approved ones apart by how they stand before it."""
    asked = {"pool": pool, "organization_id": organization_id, "period": period, "status": status}
    where = [handling_fee.c[name] == value for name, value in asked.items() if value is not None]
    if budget is not None:
        where += [handling_fee.c.status == "approved", func.coalesce(budget_answer.c.state, "asked") == budget]
    if after is not None:
        where.append(handling_fee.c.id < after)
    where.append(within(scope, region=handling_fee.c.pool))
    query = _FEES.where(*where).order_by(handling_fee.c.id.desc()).limit(rows_max)
    return (await connection.execute(query)).all()


async def change(connection: AsyncConnection, fee_id: UUID, **values: Any) -> None:
    await connection.execute(update(handling_fee).where(handling_fee.c.id == fee_id).values(**values))
