"""In which county a person was on a day: where he is now, unless he came there later."""

from datetime import date

from changhu_common.rows import insert_rows
from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import county_move


def held_on(day: str) -> str:
    """The county of the row `person` on a day."""
    return f"""
        coalesce((
            SELECT from_county FROM county_move WHERE county_move.person_id = person.id AND county_move.since > {day}
            ORDER BY county_move.since LIMIT 1
        ), person.county)
    """  # noqa: S608 (no part of it comes from outside)


def of_everybody_on(day: str) -> str:
    """`county` of each row `person` on a day: only who moved is asked for it."""
    return f"""
        CASE WHEN person.id IN (SELECT person_id FROM county_move) THEN {held_on(day)} ELSE person.county END AS county
    """  # noqa: S608


async def of_person(connection: AsyncConnection, person: Row[tuple[object, ...]], *, on: date) -> str:
    """The county of a person's row on a day."""
    query = select(county_move.c.from_county).where(county_move.c.person_id == person.id, county_move.c.since > on)
    found: str | None = await connection.scalar(query.order_by(county_move.c.since).limit(1))
    return found or str(person.county)


async def set_move(
    connection: AsyncConnection, person: Row[tuple[object, ...]], *, since: date, before: str, now: str
) -> None:
    """Let a person be of the county `now` from a day on; what was said of later days is replaced by it."""
    later = county_move.c.person_id == person.id, county_move.c.since >= since
    await connection.execute(delete(county_move).where(*later))
    if before != now:
        await insert_rows(connection, county_move, [{"person_id": person.id, "since": since, "from_county": before}])
