"""What statements asked of the budget, what they hold of it, and what their payments have spent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows, update_rows
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.budgets import Position
from fund_ledger.storage.budget_tables import reservation, reservation_part

Found = Row[*tuple[Any, ...]]
Parts = Mapping[tuple[UUID, Position], tuple[int, int]]

_KEY = "ON CONFLICT (statement_id, account, county, scheme) DO UPDATE SET"
_ASKED = f"{_KEY} amount_fen = excluded.amount_fen, payments = excluded.payments"
# Of several years the last one stands, in whatever order they are told.
_SPENT = f"""{_KEY}
settled_fen = reservation_part.settled_fen + excluded.settled_fen,
settled_payments = reservation_part.settled_payments + excluded.settled_payments,
settled_year = greatest(reservation_part.settled_year, excluded.settled_year),
of_year_fen =
    CASE WHEN reservation_part.settled_year >= excluded.settled_year THEN reservation_part.of_year_fen ELSE 0 END
    + CASE WHEN reservation_part.settled_year <= excluded.settled_year THEN excluded.of_year_fen ELSE 0 END
"""
# What may still be paid out of the year's budget. What came back of a part that takes back lowers only what its own
# year has spent, so it is held there, until all is settled, and in no other year.
_OPEN = """
CASE WHEN amount_fen >= 0 THEN amount_fen - settled_fen
    WHEN settled_year = :year THEN greatest(-of_year_fen, 0) ELSE 0 END
"""
# What it took back is free only now, when everything of it is settled; what waited held nothing.
_SETTLE = text(f"""
WITH done AS (
    SELECT id, CASE status WHEN 'reserved' THEN sum({_OPEN}) ELSE 0 END::bigint AS rest_fen
    FROM reservation JOIN reservation_part ON statement_id = id
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status IN ('waiting', 'reserved')
    GROUP BY id HAVING sum(settled_payments) >= sum(payments)
)
UPDATE reservation SET status = 'settled', revision = revision + 1 FROM done WHERE reservation.id = done.id
RETURNING reservation.*, rest_fen
""")  # noqa: S608 (no part of it comes from outside)
# It asks as if nobody had answered it, and whoever let it through is asked again.
_REOPEN = text("""
UPDATE reservation SET status = 'waiting', basis = NULL, revision = revision + 1, release_asked_by = NULL,
    release_asked_at = NULL, release_reason = NULL, let_through_by = NULL, let_through_at = NULL
FROM (
    SELECT statement_id FROM reservation_part WHERE statement_id = ANY(CAST(:ids AS uuid[]))
    GROUP BY statement_id HAVING sum(settled_payments) < sum(payments)
) AS taken_back
WHERE id = statement_id AND status = 'settled'
""")
_REJECT = text(f"""
WITH rejected AS (
    SELECT id, status FROM reservation
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status IN ('waiting', 'reserved')
)
UPDATE reservation SET status = 'released', revision = revision + 1 FROM rejected WHERE reservation.id = rejected.id
RETURNING reservation.*, CASE rejected.status WHEN 'reserved' THEN (
    SELECT coalesce(sum({_OPEN}), 0)::bigint
    FROM reservation_part WHERE statement_id = reservation.id
) ELSE 0 END AS rest_fen
""")  # noqa: S608
_HELD = text(f"""
SELECT account, county, scheme, to_char(decided_on, 'YYYY-MM') AS month,
    sum({_OPEN})::bigint AS fen
FROM reservation JOIN reservation_part ON statement_id = id
WHERE pool = :pool AND status = 'reserved' GROUP BY 1, 2, 3, 4
""")  # noqa: S608
_OPEN_PARTS = text(f"""
SELECT statement_id, account, county, scheme, ({_OPEN})::bigint AS fen
FROM reservation_part WHERE statement_id = ANY(CAST(:ids AS uuid[]))
""")  # noqa: S608


async def known(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, bytes | None]:
    """The hash of what each of these statements asked before."""
    rows = await connection.execute(
        select(reservation.c.id, reservation.c.facts_hash).where(reservation.c.id == func.any(list(ids)))
    )
    return {row.id: row.facts_hash for row in rows}


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, reservation, rows, then="ON CONFLICT (id) DO NOTHING")


async def ask(connection: AsyncConnection, parts: Parts) -> None:
    """Keep what statements ask: fen and number of payments at each position."""
    await insert_rows(connection, reservation_part, _rows(parts, "amount_fen", "payments"), then=_ASKED)


async def spend(connection: AsyncConnection, parts: Parts, *, year: int) -> None:
    """Count payments of a year's books against what their statements hold, whether that is known yet or not."""
    rows = _rows(parts, "settled_fen", "settled_payments")
    of_year = [each | {"settled_year": year, "of_year_fen": each["settled_fen"]} for each in rows]
    await insert_rows(connection, reservation_part, of_year, then=_SPENT)


def _rows(parts: Parts, fen: str, payments: str) -> list[dict[str, Any]]:
    none = {"amount_fen": 0, "payments": 0, "settled_fen": 0, "settled_payments": 0}
    return [
        {"statement_id": statement_id, "account": at.account, "county": at.county, "scheme": at.scheme or ""}
        | none
        | {fen: said[0], payments: said[1]}
        for (statement_id, at), said in parts.items()
    ]


async def settle(connection: AsyncConnection, ids: Collection[UUID], *, year: int) -> Sequence[Found]:
    """End what is paid in full; `rest_fen` is what becomes free with it."""
    return (await connection.execute(_SETTLE, {"ids": list(ids), "year": year})).all() if ids else ()


async def reopen(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Let what was settled wait again, where not all of it is settled any more."""
    await connection.execute(_REOPEN, {"ids": list(ids)})


async def reject(connection: AsyncConnection, ids: Collection[UUID], *, year: int) -> Sequence[Found]:
    """End what was rejected; `rest_fen` is what becomes free with it."""
    return (await connection.execute(_REJECT, {"ids": list(ids), "year": year})).all() if ids else ()


async def waiting(connection: AsyncConnection, pools: Collection[str]) -> Sequence[Found]:
    """What waits in these pools, in the order in which it was approved."""
    return (
        await connection.execute(
            select(reservation)
            .where(reservation.c.pool == func.any(list(pools)), reservation.c.status == "waiting")
            .order_by(reservation.c.decided_on, reservation.c.id)
        )
    ).all()


async def pools_waiting(connection: AsyncConnection) -> Sequence[str]:
    """The pools in which something waits."""
    found = await connection.scalars(select(reservation.c.pool).where(reservation.c.status == "waiting").distinct())
    return found.all()


async def open_parts(
    connection: AsyncConnection, ids: Collection[UUID], *, year: int
) -> dict[UUID, dict[Position, int]]:
    """What each statement still has to hold of the year's budget (fen at each position)."""
    found: dict[UUID, dict[Position, int]] = {}
    for row in await connection.execute(_OPEN_PARTS, {"ids": list(ids), "year": year}):
        at = Position(row.account, row.county, row.scheme or None)
        found.setdefault(row.statement_id, {})[at] = row.fen
    return found


async def held(connection: AsyncConnection, pool: str, *, year: int) -> dict[tuple[Position, str], int]:
    """What statements hold of a pool's running year (fen), position by position and by the month of their approval."""
    rows = await connection.execute(_HELD, {"pool": pool, "year": year})
    return {(Position(row.account, row.county, row.scheme or None), row.month): row.fen for row in rows}


async def change(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set the other columns of these reservations (all with the same columns) by their id."""
    await update_rows(connection, reservation, rows)


async def set_one(connection: AsyncConnection, statement_id: UUID, **values: Any) -> None:
    await connection.execute(update(reservation).where(reservation.c.id == statement_id).values(values))


async def one(connection: AsyncConnection, statement_id: UUID) -> Found | None:
    return (await connection.execute(select(reservation).where(reservation.c.id == statement_id))).one_or_none()


async def some(
    connection: AsyncConnection,
    *,
    pool: str,
    status: str | None,
    organization_id: UUID | None,
    approved_before: date | None,
    after: UUID | None,
    count: int,
) -> Sequence[Found]:
    """A pool's reservations, newest first; `after` is the last one of the page before."""
    conditions = [reservation.c.pool == pool]
    if status is not None:
        conditions.append(reservation.c.status == status)
    if organization_id is not None:
        conditions.append(reservation.c.organization_id == organization_id)
    if approved_before is not None:
        conditions.append(reservation.c.decided_on < approved_before)
    if after is not None:
        conditions.append(reservation.c.id < after)
    statement = select(reservation).where(*conditions).order_by(reservation.c.id.desc()).limit(count)
    return (await connection.execute(statement)).all()
