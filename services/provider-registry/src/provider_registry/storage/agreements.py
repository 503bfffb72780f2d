"""Agreements in the database."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.agreement import Agreement, AgreementOverlap, Status
from provider_registry.storage.organizations import among
from provider_registry.storage.overlaps import refusing_double
from provider_registry.storage.tables import agreement


async def add(connection: AsyncConnection, new: Agreement) -> None:
    with refusing_double(AgreementOverlap("机构在这段时间已有另一份协议, 请核对起止日期。")):
        await connection.execute(
            insert(agreement).values(
                id=new.id,
                organization_id=new.organization_id,
                modes=list(new.modes),
                start=new.days.start,
                end=new.days.end,
                status=new.status,
                revision=new.revision,
                entered_by=new.entered_by,
            )
        )


async def change(connection: AsyncConnection, new: Agreement, **more: Any) -> None:
    """Write what a change of status, suspensions or end made of an agreement."""
    await connection.execute(
        update(agreement)
        .where(agreement.c.id == new.id)
        .values(
            end=new.days.end,
            suspensions=[{"start": str(each.start), "end": _text(each.end)} for each in new.suspensions],
            status=new.status,
            revision=new.revision,
            **more,
        )
    )


async def of_id(connection: AsyncConnection, agreement_id: UUID) -> Agreement:
    """An agreement whose organisation was found in scope before."""
    return _agreement((await connection.execute(select(agreement).where(agreement.c.id == agreement_id))).one())


async def of_organizations(connection: AsyncConnection, ids: Iterable[UUID]) -> Sequence[Agreement]:
    rows = await connection.execute(
        select(agreement).where(among(agreement.c.organization_id, ids)).order_by(agreement.c.start, agreement.c.id)
    )
    return [_agreement(row) for row in rows]


def _agreement(row: Row[*tuple[Any, ...]]) -> Agreement:
    return Agreement(
        id=row.id,
        organization_id=row.organization_id,
        modes=tuple(row.modes),
        days=DateRange(row.start, row.end),
        suspensions=tuple(_range(each) for each in row.suspensions),
        status=Status(row.status),
        revision=row.revision,
        entered_by=row.entered_by,
    )


def _range(said: dict[str, str | None]) -> DateRange:
    start, end = said["start"], said["end"]
    assert start is not None
    return DateRange(date.fromisoformat(start), date.fromisoformat(end) if end else None)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
