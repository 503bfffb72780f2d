"""Recoveries, their parts and what came in of them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.recovery import Part
from settlement.storage.recovery_tables import recovery, recovery_part, recovery_receipt, recovery_receipt_part

Found = Row[*tuple[Any, ...]]


async def add(connection: AsyncConnection, *, head: Mapping[str, Any], parts: Sequence[Part]) -> None:
    await insert_rows(connection, recovery, [head])
    rows = [
        {
            "recovery_id": head["id"],
            "statement_id": each.statement_id,
            "county": each.county,
            "category": each.category,
            "kind": each.kind,
            "amount_fen": each.amount_fen,
            "payments": each.payments,
        }
        for each in parts
    ]
    await insert_rows(connection, recovery_part, rows)


async def one(connection: AsyncConnection, *, recovery_id: UUID, scope: Scope, locked: bool = False) -> Found | None:
    """A recovery in scope, locked until the transaction ends where it is to be changed."""
    where = within(scope, region=recovery.c.county, organisation=recovery.c.organization_id)
    asked = select(recovery).where(recovery.c.id == recovery_id, where)
    return (await connection.execute(asked.with_for_update(of=recovery) if locked else asked)).one_or_none()


async def some(
    connection: AsyncConnection,
    *,
    scope: Scope,
    pool: str | None,
    organization_id: UUID | None,
    status: str | None,
    overdue_on: date | None,
    after: UUID | None,
    rows_max: int,
) -> Sequence[Found]:
    """Recoveries in scope, newest first; `overdue_on` leaves those whose term has passed on that day."""
    asked = {"pool": pool, "organization_id": organization_id, "status": status}
    where = [recovery.c[name] == value for name, value in asked.items() if value is not None]
    if overdue_on is not None:
        where += [recovery.c.status == "decided", recovery.c.due_on < overdue_on]
    if after is not None:
        where.append(recovery.c.id < after)
    where.append(within(scope, region=recovery.c.county, organisation=recovery.c.organization_id))
    query = select(recovery).where(*where).order_by(recovery.c.id.desc()).limit(rows_max)
    return (await connection.execute(query)).all()


async def change(connection: AsyncConnection, recovery_id: UUID, **values: Any) -> None:
    await connection.execute(update(recovery).where(recovery.c.id == recovery_id).values(**values))


async def parts(connection: AsyncConnection, recovery_id: UUID) -> list[Part]:
    """The parts of a recovery, in order."""
    return (await parts_of(connection, [recovery_id]))[recovery_id]


async def parts_of(connection: AsyncConnection, recovery_ids: Sequence[UUID]) -> dict[UUID, list[Part]]:
    """The parts of each recovery, in order."""
    found: dict[UUID, list[Part]] = {each: [] for each in recovery_ids}
    key = recovery_part.primary_key.columns
    query = select(recovery_part).where(recovery_part.c.recovery_id.in_(recovery_ids)).order_by(*key)
    for row in await connection.execute(query):
        told = row._asdict()
        found[told.pop("recovery_id")].append(Part(**told))
    return found


async def held(connection: AsyncConnection, statement_ids: Sequence[UUID]) -> UUID | None:
    """A recovery that waits for approval or stands, and holds one of these statements."""
    found: UUID | None = await connection.scalar(
        select(recovery.c.id)
        .join(recovery_part, recovery_part.c.recovery_id == recovery.c.id)
        .where(recovery_part.c.statement_id.in_(statement_ids), recovery.c.status.in_(("entered", "decided")))
        .limit(1)
    )
    return found


async def add_receipt(
    connection: AsyncConnection, receipt: Mapping[str, Any], moved: Sequence[tuple[Part, int]]
) -> None:
    await insert_rows(connection, recovery_receipt, [receipt])
    rows = [
        {
            "receipt_id": receipt["id"],
            "recovery_id": receipt["recovery_id"],
            "statement_id": part.statement_id,
            "county": part.county,
            "category": part.category,
            "kind": part.kind,
            "amount_fen": fen,
        }
        for part, fen in moved
    ]
    await insert_rows(connection, recovery_receipt_part, rows)


async def receipts(connection: AsyncConnection, recovery_id: UUID) -> Sequence[Found]:
    """What came in of a recovery, in order; `reversed_by` is the receipt that takes it back."""
    undone = recovery_receipt.alias("undone")
    return (
        await connection.execute(
            select(recovery_receipt, undone.c.id.label("reversed_by"))
            .outerjoin(undone, undone.c.reverses_id == recovery_receipt.c.id)
            .where(recovery_receipt.c.recovery_id == recovery_id)
            .order_by(recovery_receipt.c.id)
        )
    ).all()


async def receipt_parts(connection: AsyncConnection, receipt_id: UUID) -> Sequence[Found]:
    """How a receipt was divided."""
    divided = recovery_receipt_part
    query = select(divided).where(divided.c.receipt_id == receipt_id).order_by(*divided.primary_key.columns)
    return (await connection.execute(query)).all()
