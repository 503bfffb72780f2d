"""Price lists in the database."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from changhu_common.periods import DateRange
from changhu_common.rows import insert_rows
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.price import Price
from provider_registry.storage.tables import price


async def add(connection: AsyncConnection, organization_id: UUID, prices: Sequence[Price]) -> None:
    await insert_rows(
        connection,
        price,
        [
            {
                "id": each.id,
                "organization_id": organization_id,
                "item": each.item,
                "price_fen": each.price_fen,
                "start": each.days.start,
                "end": each.days.end,
            }
            for each in prices
        ],
    )


async def of_organization(connection: AsyncConnection, organization_id: UUID) -> list[Price]:
    """The whole list, by item and day."""
    rows = await connection.execute(
        select(price).where(price.c.organization_id == organization_id).order_by(price.c.item, price.c.start)
    )
    return [
        Price(id=row.id, item=row.item, price_fen=row.price_fen, days=DateRange(row.start, row.end)) for row in rows
    ]


async def end(connection: AsyncConnection, price_id: UUID, on: date) -> None:
    await connection.execute(update(price).where(price.c.id == price_id).values(end=on))


async def remove(connection: AsyncConnection, price_id: UUID) -> None:
    await connection.execute(delete(price).where(price.c.id == price_id))
