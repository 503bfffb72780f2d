"""Care plans in the database."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.errors import NotFound
from changhu_common.periods import DateRange
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.plan import Plan, Status
from provider_registry.storage.organizations import among
from provider_registry.storage.tables import care_plan, organization

Found = Row[*tuple[Any, ...]]


async def add(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(care_plan).values(**values))


async def change(connection: AsyncConnection, plan_id: UUID, **values: Any) -> None:
    await connection.execute(update(care_plan).where(care_plan.c.id == plan_id).values(**values))


async def of_id(connection: AsyncConnection, plan_id: UUID, *, scope: Scope, lock: bool = False) -> Found:
    """A plan with its organisation's pool and county; NotFound where it is out of scope."""
    query = _in_scope(scope).where(care_plan.c.id == plan_id)
    if lock:
        query = query.with_for_update(of=care_plan)
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        raise NotFound("没有这份护理计划, 或不在您的权限范围内。")
    return found


async def page(
    connection: AsyncConnection,
    *,
    scope: Scope,
    organization_id: UUID | None,
    records: Collection[UUID] | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Found]:
    """Plans in order of id; `records` are those of one person."""
    query = _in_scope(scope).order_by(care_plan.c.id).limit(limit)
    if organization_id is not None:
        query = query.where(care_plan.c.organization_id == organization_id)
    if records is not None:
        query = query.where(care_plan.c.person_id.in_(records))
    if after is not None:
        query = query.where(care_plan.c.id > after)
    return (await connection.execute(query)).all()


async def confirmed(connection: AsyncConnection, *, whose: Mapping[UUID, UUID]) -> dict[tuple[UUID, UUID], list[Plan]]:
    """The confirmed plans of these records, by the person whose they are and organisation."""
    found: dict[tuple[UUID, UUID], list[Plan]] = {}
    query = select(care_plan).where(among(care_plan.c.person_id, whose), care_plan.c.status == Status.CONFIRMED)
    for row in await connection.execute(query):
        found.setdefault((whose[row.person_id], row.organization_id), []).append(
            Plan(id=row.id, mode=row.mode, items=frozenset(row.items), days=DateRange(row.start, row.end))
        )
    return found


def _in_scope(scope: Scope) -> Select[*tuple[Any, ...]]:
    return (
        select(care_plan, organization.c.pool, organization.c.county)
        .join(organization, organization.c.id == care_plan.c.organization_id)
        .where(
            within(scope, region=organization.c.county, organisation=organization.c.id, person=care_plan.c.person_id)
        )
    )
