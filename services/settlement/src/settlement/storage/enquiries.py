"""Reading what was counted: a person's lines and limit, an organisation's sums."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import BigInteger, ColumnElement, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import limit_period, line, person

Found = Row[*tuple[Any, ...]]


async def person_in_scope(connection: AsyncConnection, *, person_id: UUID, scope: Scope) -> Found | None:
    """Where a person is insured; None where nobody told of the person, or out of scope."""
    where = within(scope, region=person.c.county, person=person.c.person_id)
    query = select(person.c.pool, person.c.county).where(person.c.person_id == person_id, where)
    return (await connection.execute(query)).one_or_none()


async def lines_of(connection: AsyncConnection, *, person_id: UUID, month: str, scope: Scope) -> Sequence[Found]:
    """A person's lines of a month in order of time."""
    where = within(scope, region=line.c.county, person=line.c.person_id)
    asked = (line.c.person_id == person_id, line.c.month == month, line.c.status != "void")
    return (await connection.execute(select(line).where(*asked, where).order_by(line.c.at, line.c.id))).all()


async def period_on(connection: AsyncConnection, *, person_id: UUID, pool: str, on: date) -> Found | None:
    """The counted period around a day."""
    return (
        await connection.execute(
            select(limit_period)
            .where(limit_period.c.person_id == person_id, limit_period.c.pool == pool)
            .where(limit_period.c.start <= on, limit_period.c.end >= on)
            .order_by(limit_period.c.start.desc())
            .limit(1)
        )
    ).one_or_none()


def _total(column: ColumnElement[int]) -> ColumnElement[int]:
    # The sum of bigints is numeric in PostgreSQL; fen stay ints.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


_SUMS = (
    func.count().label("lines"),
    func.count().filter(line.c.status == "undecided").label("undecided"),
    _total(line.c.cost_fen).label("cost_fen"),
    _total(line.c.fund_fen).label("fund_fen"),
    _total(line.c.person_fen).label("person_fen"),
)


def _of_month(organization_id: UUID, month: str) -> list[ColumnElement[bool]]:
    return [line.c.organization_id == organization_id, line.c.month == month, line.c.status != "void"]


async def sums_of(connection: AsyncConnection, *, organization_id: UUID, month: str) -> Found:
    """What an organisation's month comes to."""
    return (await connection.execute(select(*_SUMS).where(*_of_month(organization_id, month)))).one()


async def sums_by_person(
    connection: AsyncConnection, *, organization_id: UUID, month: str, after: UUID | None, rows_max: int
) -> Sequence[Found]:
    """The same, person by person."""
    where = _of_month(organization_id, month)
    if after is not None:
        where.append(line.c.person_id > after)
    query = select(line.c.person_id, *_SUMS).where(*where)
    return (await connection.execute(query.group_by(line.c.person_id).order_by(line.c.person_id).limit(rows_max))).all()
