"""Who is disabled to which grade on a day: ids alone, for whoever counts them by what another service knows."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from changhu_common.database import Database

from assessment.storage import conclusions


class Standings:
    """What a projection asks: it runs beside the service and answers nobody over HTTP."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_grade(self, *, pool: str, on: date) -> dict[tuple[str, int], Sequence[UUID]]:
        """The people of each scale's grade whose conclusion is in force and reaches a benefit level."""
        async with self._database.read() as connection:
            rows = await conclusions.standing(connection, pool=pool, on=on)
        return {(row.scale, row.grade): row.persons for row in rows}
