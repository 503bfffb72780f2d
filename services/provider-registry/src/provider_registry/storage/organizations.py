"""Organisations in the database; whoever changes something of one locks its row first."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from changhu_common.errors import NotFound, Refusal
from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import ARRAY, ColumnElement, Row, Select, Uuid, any_, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.storage.overlaps import refusing_double
from provider_registry.storage.tables import organization

Found = Row[*tuple[Any, ...]]


def among(column: ColumnElement[Any], ids: Iterable[UUID]) -> ColumnElement[bool]:
    """The column is one of the ids, which travel as one array however many they are."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def inside(scope: Scope) -> ColumnElement[bool]:
    """The organisation is inside the scope; every other row of the registry is scoped through its organisation."""
    return within(scope, region=organization.c.county, organisation=organization.c.id)


async def add(connection: AsyncConnection, *, taken: Refusal, **values: Any) -> None:
    with refusing_double(taken):
        await connection.execute(insert(organization).values(**values))


async def of_id(connection: AsyncConnection, organization_id: UUID, *, scope: Scope, lock: bool = False) -> Found:
    """An organisation in scope, its row locked where something of it is to change; else NotFound."""
    return await _one(connection, select(organization).where(organization.c.id == organization_id), scope, lock)


async def owner(connection: AsyncConnection, column: ColumnElement[Any], row_id: UUID, *, scope: Scope) -> Found:
    """The organisation of a row (`column` is that row's id), locked; NotFound where it is out of scope."""
    table: Any = column.table
    owned = select(table.c.organization_id).where(column == row_id).scalar_subquery()
    return await _one(connection, select(organization).where(organization.c.id == owned), scope, lock=True)


async def of_ids(connection: AsyncConnection, ids: Iterable[UUID], *, scope: Scope) -> dict[UUID, Found]:
    rows = await connection.execute(select(organization).where(among(organization.c.id, ids), inside(scope)))
    return {row.id: row for row in rows}


async def page(
    connection: AsyncConnection, *, scope: Scope, pool: str | None, kind: str | None, after: UUID | None, limit: int
) -> Sequence[Found]:
    query = select(organization).where(inside(scope)).order_by(organization.c.id).limit(limit)
    if pool is not None:
        query = query.where(organization.c.pool == pool)
    if kind is not None:
        query = query.where(organization.c.kind == kind)
    if after is not None:
        query = query.where(organization.c.id > after)
    return (await connection.execute(query)).all()


async def next_price_revision(connection: AsyncConnection, organization_id: UUID) -> int:
    revision = await connection.scalar(
        update(organization)
        .where(organization.c.id == organization_id)
        .values(price_revision=organization.c.price_revision + 1)
        .returning(organization.c.price_revision)
    )
    assert revision is not None
    return int(revision)


async def _one(connection: AsyncConnection, query: Select[*tuple[Any, ...]], scope: Scope, lock: bool) -> Found:
    query = query.where(inside(scope))
    if lock:
        query = query.with_for_update(key_share=True)
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        raise NotFound("没有这个机构或记录, 或不在您的权限范围内。")
    return found
