"""Deposits, what was decided of them, and what was drawn."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from changhu_common.ids import new_id
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, literal, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.deposit import Deposit
from settlement.storage.deposit_tables import deposit, deposit_decision, deposit_draw

Found = Row[*tuple[Any, ...]]

_OPEN = deposit.c.amount_fen - deposit.c.drawn_fen - deposit.c.returned_fen

_YEARS = text("""
SELECT year, sum(amount_fen)::bigint AS withheld_fen,
    coalesce(sum(drawn.released_fen), 0)::bigint AS released_fen,
    coalesce(sum(drawn.forfeited_fen), 0)::bigint AS forfeited_fen,
    coalesce(sum(drawn.offset_fen), 0)::bigint AS offset_fen,
    sum(returned_fen)::bigint AS returned_fen,
    sum(greatest(amount_fen - drawn_fen - returned_fen, 0))::bigint AS open_fen,
    sum(greatest(drawn_fen + returned_fen - amount_fen, 0))::bigint AS owed_fen
FROM deposit LEFT JOIN (
    SELECT deposit_id, sum(amount_fen) FILTER (WHERE cause = 'release') AS released_fen,
        sum(amount_fen) FILTER (WHERE cause = 'forfeiture') AS forfeited_fen,
        sum(amount_fen) FILTER (WHERE cause = 'offset') AS offset_fen
    FROM deposit_draw GROUP BY deposit_id
) AS drawn ON deposit_id = id
WHERE organization_id = :organization_id GROUP BY year ORDER BY year DESC
""")


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(connection, deposit, rows)


async def of_statements(connection: AsyncConnection, statement_ids: Iterable[UUID]) -> list[Deposit]:
    """What was withheld of these statements."""
    return await _deposits(connection, deposit.c.statement_id.in_(list(statement_ids)))


async def standing(connection: AsyncConnection, *, organization_id: UUID, year: int) -> list[Deposit]:
    """What was withheld of an organisation in a year and is not drawn in full."""
    return await _deposits(connection, deposit.c.organization_id == organization_id, deposit.c.year == year, _OPEN > 0)


async def unequal(connection: AsyncConnection, organization_id: UUID) -> list[Deposit]:
    """All that stands of an organisation or is owed by it."""
    return await _deposits(connection, deposit.c.organization_id == organization_id, _OPEN != 0)


async def release_unpaid(connection: AsyncConnection, deposit_ids: Iterable[UUID]) -> UUID | None:
    """A release of these deposits that is approved and not paid."""
    found: UUID | None = await connection.scalar(
        select(deposit_decision.c.id)
        .join(deposit_draw, deposit_draw.c.cause_id == deposit_decision.c.id)
        .where(
            deposit_draw.c.deposit_id.in_(list(deposit_ids)),
            deposit_decision.c.outcome == "release",
            deposit_decision.c.status == "approved",
        )
        .limit(1)
    )
    return found


async def drawn_by(connection: AsyncConnection, cause_id: UUID) -> list[tuple[Deposit, int]]:
    """What a decision drew, deposit by deposit."""
    query = select(deposit, deposit_draw.c.amount_fen.label("moved_fen")).join(deposit_draw)
    rows = await connection.execute(query.where(deposit_draw.c.cause_id == cause_id).order_by(deposit.c.id))
    return [(_deposit(row), row.moved_fen) for row in rows]


async def draw(
    connection: AsyncConnection, draws: Sequence[tuple[Deposit, int]], *, cause: str, cause_id: UUID, at: datetime
) -> None:
    rows = [
        {
            "id": new_id(),
            "deposit_id": each.id,
            "cause": cause,
            "cause_id": cause_id,
            "amount_fen": fen,
            "recorded_at": at,
        }
        for each, fen in draws
    ]
    await insert_rows(connection, deposit_draw, rows)


async def years(connection: AsyncConnection, organization_id: UUID) -> Sequence[Found]:
    """What was withheld of an organisation year by year, what became of it, and what stands."""
    return (await connection.execute(_YEARS, {"organization_id": organization_id})).all()


async def history(
    connection: AsyncConnection, *, organization_id: UUID, after: UUID | None, rows_max: int
) -> Sequence[Found]:
    """Everything that was withheld and drawn, newest first; a draw is below zero unless it was taken back."""
    own = deposit.c.organization_id == organization_id
    copied = (deposit.c.statement_id, deposit.c.county, deposit.c.category, deposit.c.kind, deposit.c.year)
    moves = union_all(
        select(
            deposit.c.id,
            literal("withheld").label("cause"),
            deposit.c.statement_id.label("cause_id"),
            deposit.c.amount_fen,
            deposit.c.recorded_at,
            *copied,
        ).where(own),
        select(
            deposit_draw.c.id,
            deposit_draw.c.cause,
            deposit_draw.c.cause_id,
            -deposit_draw.c.amount_fen,
            deposit_draw.c.recorded_at,
            *copied,
        )
        .join(deposit, deposit.c.id == deposit_draw.c.deposit_id)
        .where(own),
    ).subquery()
    query = select(moves).order_by(moves.c.id.desc()).limit(rows_max)
    return (await connection.execute(query if after is None else query.where(moves.c.id < after))).all()


async def decide(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, deposit_decision, [row])


async def decision(
    connection: AsyncConnection, *, decision_id: UUID, scope: Scope, locked: bool = False
) -> Found | None:
    """A decision in scope, locked until the transaction ends where it is to be changed."""
    where = within(scope, region=deposit_decision.c.county, organisation=deposit_decision.c.organization_id)
    asked = select(deposit_decision).where(deposit_decision.c.id == decision_id, where)
    return (await connection.execute(asked.with_for_update() if locked else asked)).one_or_none()


async def decisions(
    connection: AsyncConnection,
    *,
    scope: Scope,
    pool: str | None,
    organization_id: UUID | None,
    status: str | None,
    after: UUID | None,
    rows_max: int,
) -> Sequence[Found]:
    """Decisions in scope, newest first."""
    asked = {"pool": pool, "organization_id": organization_id, "status": status}
    where = [deposit_decision.c[name] == value for name, value in asked.items() if value is not None]
    if after is not None:
        where.append(deposit_decision.c.id < after)
    where.append(within(scope, region=deposit_decision.c.county, organisation=deposit_decision.c.organization_id))
    query = select(deposit_decision).where(*where).order_by(deposit_decision.c.id.desc()).limit(rows_max)
    return (await connection.execute(query)).all()


async def change(connection: AsyncConnection, decision_id: UUID, **values: Any) -> None:
    await connection.execute(update(deposit_decision).where(deposit_decision.c.id == decision_id).values(**values))


async def _deposits(connection: AsyncConnection, *where: Any) -> list[Deposit]:
    rows = await connection.execute(select(deposit).where(*where).order_by(deposit.c.id))
    return [_deposit(row) for row in rows]


def _deposit(row: Found) -> Deposit:
    return Deposit(row.id, row.county, row.category, row.kind, row.amount_fen, row.drawn_fen, row.returned_fen)
