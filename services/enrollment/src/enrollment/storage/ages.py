"""Who is insured on a day, the resident number still sealed: it tells age and sex, and is opened block by block."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import coverage, person

PEOPLE_AT_ONCE = 20_000


async def insured(
    connection: AsyncConnection, *, pool: str, on: date
) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    """The living people of a pool that are insured on a day, in blocks."""
    statement = (
        select(person.c.id, person.c.county, person.c.resident_number, coverage.c.category)
        .join(coverage, and_(coverage.c.person_id == person.c.id, coverage.c.pool == person.c.pool))
        .where(person.c.pool == pool)
        .where(or_(person.c.died_on.is_(None), person.c.died_on > on))
        .where(coverage.c.start <= on, or_(coverage.c.end.is_(None), coverage.c.end >= on))
    )
    async with connection.stream(statement, execution_options={"yield_per": PEOPLE_AT_ONCE}) as result:
        async for block in result.partitions(PEOPLE_AT_ONCE):
            yield block
