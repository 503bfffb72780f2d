"""What is locked before facts are read, and who waits to be counted again.

Locks are taken class by class (pools, organisations, persons), each in order of id, so that batches
wait for each other and never in a circle.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from changhu_common.ids import named_id
from changhu_common.rows import insert_rows
from sqlalchemy import func, select, text, union
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import account, assessment_fee, recount, service

_LOCK = {
    shared: text(f"SELECT id FROM account WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR {mode}")  # noqa: S608
    for shared, mode in ((False, "UPDATE"), (True, "SHARE"))
}
_OF_ORGANISATIONS = "organization_id = ANY(CAST(:organisations AS uuid[])) OR pool = ANY(CAST(:pools AS text[]))"
_PERSONS = text(f"SELECT DISTINCT person_id FROM service WHERE {_OF_ORGANISATIONS} LIMIT :persons_max")  # noqa: S608
_ASK_ALL = text(
    f"INSERT INTO recount (person_id) SELECT DISTINCT person_id FROM service WHERE {_OF_ORGANISATIONS}"  # noqa: S608
)
_TAKE = text(
    "DELETE FROM recount WHERE id IN (SELECT id FROM recount ORDER BY id LIMIT :rows_max FOR UPDATE SKIP LOCKED)"
    " RETURNING person_id"
)


# Whoever brings facts needs that nobody merges records meanwhile.
MERGES = named_id("settlement.merges")


def account_of_pool(pool: str) -> UUID:
    return named_id("settlement.pool", pool)


def account_of_statements(organization_id: UUID) -> UUID:
    """What closes, rejects and pays one organisation's statements one after another."""
    return named_id("settlement.statements", organization_id)


async def hold(connection: AsyncConnection, ids: Iterable[UUID], *, shared: bool = False) -> None:
    """Lock these until the transaction ends; `shared` for who only needs that nobody changes them."""
    ordered = sorted(set(ids))
    if ordered:
        await insert_rows(connection, account, [{"id": each} for each in ordered], then="ON CONFLICT DO NOTHING")
        await connection.execute(_LOCK[shared], {"ids": ordered})


async def persons_served(
    connection: AsyncConnection, *, organisations: Sequence[UUID], pools: Sequence[str], persons_max: int
) -> list[UUID]:
    """Whoever has services at these organisations or in these pools, so many at most."""
    asked = {"organisations": organisations, "pools": pools, "persons_max": persons_max}
    return list((await connection.execute(_PERSONS, asked)).scalars())


async def ask_recount_of_served(
    connection: AsyncConnection, *, organisations: Sequence[UUID], pools: Sequence[str]
) -> None:
    """Queue everybody who has services at these organisations or in these pools."""
    await connection.execute(_ASK_ALL, {"organisations": organisations, "pools": pools})


async def ask_recount(connection: AsyncConnection, persons: Iterable[UUID]) -> None:
    await insert_rows(connection, recount, [{"person_id": each} for each in sorted(persons)])


async def take_recounts(connection: AsyncConnection, *, rows_max: int) -> set[UUID]:
    """Take some wishes from the queue; they come back if the transaction fails."""
    return set((await connection.execute(_TAKE, {"rows_max": rows_max})).scalars())


async def recounts_waiting(connection: AsyncConnection) -> int:
    return await connection.scalar(select(func.count()).select_from(recount)) or 0


async def persons_after(connection: AsyncConnection, after: UUID, *, persons_max: int) -> list[UUID]:
    """The next persons who have services or assessment fees, in order of id."""
    served, assessed = (
        select(table.c.person_id).where(table.c.person_id > after).distinct().order_by(table.c.person_id)
        .limit(persons_max)
        for table in (service, assessment_fee)
    )  # fmt: skip
    rows = await connection.execute(union(served, assessed).order_by("person_id").limit(persons_max))
    return list(rows.scalars())
