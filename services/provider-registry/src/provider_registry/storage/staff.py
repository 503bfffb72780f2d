"""Staff in the database; a name is ciphertext at rest."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.staff import Staff, StaffElsewhere
from provider_registry.storage.organizations import among
from provider_registry.storage.overlaps import refusing_double
from provider_registry.storage.tables import staff

Found = Row[*tuple[Any, ...]]


async def add(connection: AsyncConnection, **values: Any) -> None:
    with refusing_double(StaffElsewhere("这个账号在这段时间已在一家机构登记; 请先由原机构办理离职。")):
        await connection.execute(insert(staff).values(**values))


async def release(connection: AsyncConnection, staff_id: UUID, **values: Any) -> None:
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(**values))


async def of_id(connection: AsyncConnection, staff_id: UUID) -> Found:
    """A member of staff whose organisation was found in scope before."""
    return (await connection.execute(select(staff).where(staff.c.id == staff_id))).one()


async def of_organization(connection: AsyncConnection, organization_id: UUID) -> Sequence[Found]:
    query = select(staff).where(staff.c.organization_id == organization_id).order_by(staff.c.start, staff.c.id)
    return (await connection.execute(query)).all()


async def locked(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    """Staff by id, their rows locked in order, so that nobody else records visits of theirs meanwhile."""
    rows = await connection.execute(
        select(staff).where(among(staff.c.id, ids)).order_by(staff.c.id).with_for_update(key_share=True)
    )
    return {
        row.id: Staff(
            id=row.id,
            organization_id=row.organization_id,
            roles=tuple(row.roles),
            account=row.account,
            days=DateRange(row.start, row.end),
        )
        for row in rows
    }
