"""Withholding batches in the database."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import Row, any_, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer

from enrollment.storage.merge_tables import MERGED
from enrollment.storage.tables import person
from enrollment.storage.withholding_tables import withholding_batch, withholding_item


async def add_batch(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, withholding_batch, [row])


async def add_items(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, withholding_item, rows)


async def get_batch(connection: AsyncConnection, batch_id: UUID) -> Row[Any] | None:
    found = await connection.execute(select(withholding_batch).where(withholding_batch.c.id == batch_id))
    return found.one_or_none()


async def sent_of(connection: AsyncConnection, run_id: UUID, persons: Collection[UUID]) -> set[tuple[Any, ...]]:
    """What of these persons is out with another side already: person, county, category, payer."""
    whose = await MERGED.records(connection, persons)
    item = withholding_item.c
    query = select(item.person_id, item.county, item.category, item.payer)
    mine = item.person_id == any_(literal(list(whose), ARRAY(item.person_id.type)))
    found = await connection.execute(query.where(item.run_id == run_id, item.status == "sent", mine))
    return {(whose[row.person_id], *row[1:]) for row in found}


async def counts(connection: AsyncConnection, batch_id: UUID) -> Sequence[Row[Any]]:
    item = withholding_item.c
    sums = select(
        item.status,
        func.count().label("items"),
        func.sum(item.amount_fen).label("amount_fen"),
        func.sum(item.paid_fen).label("paid_fen"),
    )
    grouped = sums.where(item.batch_id == batch_id).group_by(item.status).order_by(item.status)
    return (await connection.execute(grouped)).all()


async def items_with_persons(
    connection: AsyncConnection, batch_id: UUID, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Items in their order, each with the person's row as far as it names the person."""
    item = withholding_item.c
    query = (
        select(withholding_item, person.c.id, person.c.name, person.c.resident_number, person.c.phone)
        .join(person, person.c.id == item.person_id)
        .where(item.batch_id == batch_id, item.number > after)
    )
    return (await connection.execute(query.order_by(item.number).limit(limit))).all()


async def items(connection: AsyncConnection, batch_id: UUID, numbers: Collection[int]) -> dict[int, Row[Any]]:
    item = withholding_item.c
    wanted = item.number == any_(literal(list(numbers), ARRAY(Integer)))
    rows = await connection.execute(select(withholding_item).where(item.batch_id == batch_id, wanted))
    return {row.number: row for row in rows}


async def answer(connection: AsyncConnection, batch_id: UUID, answers: Sequence[Mapping[str, Any]]) -> None:
    """Keep the answers to items."""
    await connection.execute(
        text(
            "UPDATE withholding_item AS item SET status = told.status, paid_fen = told.paid, reason = told.reason"
            " FROM unnest(CAST(:numbers AS integer[]), CAST(:statuses AS text[]), CAST(:paid AS bigint[]),"
            " CAST(:reasons AS text[])) AS told (number, status, paid, reason)"
            " WHERE item.batch_id = :batch AND item.number = told.number"
        ),
        {
            "batch": batch_id,
            "numbers": [each["number"] for each in answers],
            "statuses": [each["status"] for each in answers],
            "paid": [each["paid_fen"] for each in answers],
            "reasons": [each["reason"] for each in answers],
        },
    )


async def fail_unanswered(connection: AsyncConnection, batch_id: UUID, reason: str) -> None:
    item = withholding_item.c
    unanswered = update(withholding_item).where(item.batch_id == batch_id, item.status == "sent")
    await connection.execute(unanswered.values(status="failed", reason=reason))
