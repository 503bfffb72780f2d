"""What a fund begins with on a day, scheme by scheme: where a projection starts."""

from dataclasses import dataclass
from datetime import date

from changhu_common.database import Database
from changhu_common.events.settlement import PaymentSettled
from changhu_policies.accounting import chart

from fund_ledger.storage import totals
from fund_ledger.usecases.books import anchor_of

# As care is paid, so benefits are booked.
PAYING = PaymentSettled.TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the fund owns on a day (累计结余), in fen by scheme ('' where the books name none).

    `benefits` is what care cost by the books from a day on, less all that came back: returned transfers,
    recoveries, what was booked by hand.
    """

    on: date
    by_scheme: dict[str, int]
    benefits: dict[str, int]
    anchor: str | None


class Openings:
    """What a projection asks: it runs beside the service and answers nobody over HTTP."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def opening(self, *, pool: str, since: date, on: date) -> Opening:
        kinds = {number: account.kind for number, account in chart().accounts.items()}
        async with self._database.read() as connection:
            stands = await totals.by_book(connection, pool=pool, until=on)
            moved = await totals.by_book(connection, pool=pool, since=since, until=on, with_carries=False)
            anchor = await anchor_of(connection, pool)
        owned: dict[str, int] = {}
        for each in stands:
            if kinds[each.account] in {"balance", "income", "expense"}:
                owned[each.scheme or ""] = owned.get(each.scheme or "", 0) - each.fen
        care = {line.account.otherwise for line in chart().rules[PAYING].lines}
        benefits: dict[str, int] = {}
        for each in moved:
            if each.account in care and kinds[each.account] == "expense":
                benefits[each.scheme or ""] = benefits.get(each.scheme or "", 0) + each.fen
        return Opening(on=on, by_scheme=owned, benefits=benefits, anchor=anchor)
