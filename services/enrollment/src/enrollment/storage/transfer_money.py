"""Money of transfers in the database, and the two ends of one transfer side by side."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import CTE, ColumnElement, Row, and_, case, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.merge_tables import MERGED
from enrollment.storage.tables import coverage, person
from enrollment.storage.transfer_tables import transfer, transfer_money

MONEY = transfer_money.c
IN_THE_BOOKS = and_(MONEY.settled_by.is_not(None), MONEY.returned_by.is_(None))
COUNTS = and_(MONEY.withdrawn_by.is_(None), MONEY.returned_by.is_(None))
# In which step a sum stands, as a clerk asks for it.
STATUS = case(
    (MONEY.returned_by.is_not(None), "returned"),
    (MONEY.settled_by.is_not(None), "settled"),
    (MONEY.withdrawn_by.is_not(None), "withdrawn"),
    (MONEY.approved_by.is_not(None), "approved"),
    else_="entered",
)
SHOWN = select(transfer_money, STATUS.label("status"))


async def transfer_of(connection: AsyncConnection, transfer_id: UUID) -> Row[Any] | None:
    """A transfer with the category of its coverage; none of a coverage that was taken out."""
    query = select(transfer, coverage.c.category, coverage.c.pool).join(
        coverage, coverage.c.id == transfer.c.coverage_id
    )
    return (await connection.execute(query.where(transfer.c.id == transfer_id))).one_or_none()


async def of_person(connection: AsyncConnection, person_id: UUID) -> Sequence[Row[Any]]:
    """All sums of a person's transfers that count, under whichever record, the settled ones first and by day."""
    records = await MERGED.records(connection, [person_id])
    query = select(transfer_money).where(MONEY.person_id.in_(records), COUNTS)
    return (await connection.execute(query.order_by(MONEY.settled_on.nulls_last(), MONEY.id))).all()


async def of_coverage(
    connection: AsyncConnection, coverage_id: UUID, *, direction: str | None = None, besides: UUID | None = None
) -> bool:
    """Whether a transfer of a coverage has money that counts; of one direction, `besides` one transfer."""
    mine = [MONEY.transfer_id == transfer.c.id, transfer.c.coverage_id == coverage_id, COUNTS]
    if direction is not None:
        mine.append(MONEY.direction == direction)
    if besides is not None:
        mine.append(transfer.c.id != besides)
    return bool(await connection.scalar(select(exists().where(*mine))))


async def is_known(connection: AsyncConnection, transfer_id: UUID, bank_reference: str) -> bool:
    """Whether money of a transfer stands in the books under this reference already."""
    of_transfer = and_(MONEY.transfer_id == transfer_id, MONEY.bank_reference == bank_reference)
    return bool(await connection.scalar(select(exists().where(of_transfer, IN_THE_BOOKS))))


async def add(connection: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Store a sum; False where one of the transfer waits, or the same money is known."""
    results = await insert_rows(connection, transfer_money, [row], then="ON CONFLICT DO NOTHING")
    return bool(results[0].rowcount)


async def change(connection: AsyncConnection, money_id: UUID, values: Mapping[str, Any]) -> None:
    await connection.execute(update(transfer_money).where(MONEY.id == money_id).values(**values))


async def get(connection: AsyncConnection, money_id: UUID, scope: Scope, *, lock: bool = False) -> Row[Any] | None:
    query = SHOWN.where(MONEY.id == money_id, within(scope, region=MONEY.county))
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def page(
    connection: AsyncConnection,
    scope: Scope,
    *,
    pool: str,
    wanted: Mapping[str, Any],
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Sums of a pool in the order in which they were entered; `wanted` by column or status, None is any."""
    query = SHOWN.where(MONEY.pool == pool, within(scope, region=MONEY.county)).order_by(MONEY.id).limit(limit)
    for name, value in wanted.items():
        if value is not None:
            query = query.where((STATUS if name == "status" else MONEY[name]) == value)
    return (await connection.execute(query if after is None else query.where(MONEY.id > after))).all()


def _side(direction: str, pool: str, pools: Collection[str]) -> CTE:
    """One end of the transfers between a pool and others, numbered within one person's between the same two."""
    here: ColumnElement[str] = person.c.pool
    there: ColumnElement[str] = transfer.c.other_pool
    left, reached = (here, there) if direction == "out" else (there, here)
    of_transfer = and_(MONEY.transfer_id == transfer.c.id, IN_THE_BOOKS)
    turn = func.row_number().over(
        partition_by=(person.c.resident_number_index, left, reached), order_by=(transfer.c.day, transfer.c.id)
    )
    return (
        select(
            transfer.c.id,
            transfer.c.person_id,
            person.c.resident_number_index.label("number"),
            left.label("from_pool"),
            reached.label("to_pool"),
            transfer.c.day,
            func.coalesce(select(MONEY.county).where(of_transfer).limit(1).scalar_subquery(), person.c.county).label(
                "county"
            ),
            turn.label("turn"),
            func.coalesce(select(func.sum(MONEY.amount_fen)).where(of_transfer).scalar_subquery(), 0).label("fen"),
            select(func.max(MONEY.settled_on)).where(of_transfer).scalar_subquery().label("settled_on"),
        )
        .join(person, person.c.id == transfer.c.person_id)
        .where(transfer.c.direction == direction, transfer.c.other_pool.in_(pools))
        .where(or_(here == pool, there == pool))
        .cte(f"went_{direction}")
    )


async def both_ends(
    connection: AsyncConnection,
    scope: Scope,
    *,
    pool: str,
    pools: Collection[str],
    status: str | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Transfers from or to a pool of which money went or came, each once: what was sent beside what was received.

    One person is found in two pools by the digest of his number: no name is opened. An end out of scope shows
    its money, and not whose it is.
    """
    out, into = _side("out", pool, pools), _side("in", pool, pools)
    same = [out.c[each] == into.c[each] for each in ("number", "from_pool", "to_pool", "turn")]
    sent, received = func.coalesce(out.c.fen, 0), func.coalesce(into.c.fen, 0)
    first = func.coalesce(out.c.id, into.c.id)
    ends: dict[str, ColumnElement[bool]] = {
        "sent": within(scope, region=out.c.county),
        "received": within(scope, region=into.c.county),
    }
    conditions = {
        None: or_(sent > 0, received > 0),
        "agreed": and_(sent > 0, sent == received),
        "not_received": and_(sent > 0, received == 0),
        "not_sent": and_(sent == 0, received > 0),
        "differing": and_(sent > 0, received > 0, sent != received),
    }
    query = (
        select(
            first.label("transfer_id"),
            func.coalesce(out.c.from_pool, into.c.from_pool).label("from_pool"),
            func.coalesce(out.c.to_pool, into.c.to_pool).label("to_pool"),
            sent.label("sent_fen"),
            out.c.settled_on.label("sent_on"),
            received.label("received_fen"),
            into.c.settled_on.label("received_on"),
            case((ends["sent"], out.c.person_id)).label("left_person_id"),
            case((ends["received"], into.c.person_id)).label("arrived_person_id"),
        )
        .select_from(out.join(into, and_(*same), full=True))
        .where(or_(*ends.values()), conditions[status])
        .order_by(first)
        .limit(limit)
    )
    found: Any = (await connection.execute(query if after is None else query.where(first > after))).all()
    return list(found)
