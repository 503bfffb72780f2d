"""What the fund really paid in a range of days, by category, grade and mode: sums alone, for a projection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from changhu_common.database import Database

from settlement.storage import spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The fund's part (fen) of one kind of service; `scale` and `grade` are None where none holds any more."""

    category: str | None
    scale: str | None
    grade: int | None
    mode: str
    fund_fen: int
    first_paid_on: date


class Spending:
    """What a projection asks: it runs beside the service and answers nobody over HTTP."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, *, pool: str, since: date, until: date) -> Sequence[Spent]:
        """What banks confirmed from one day to another, both included, but for transfers that they sent back."""
        async with self._database.read() as connection:
            rows = await spending.settled(connection, pool=pool, since=since, until=until)
        return [Spent(**row._mapping) for row in rows]
