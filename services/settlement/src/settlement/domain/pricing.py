"""A visit costs what the organisation's price list says for its items on the day of service.

Each item of a visit is one line; an item that the list does not price on that day has no cost, and
is then not paid.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from changhu_common.ids import named_id
from changhu_common.periods import DateRange, day_of

from settlement.domain.facts import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit of an item costs over some days (价格), in fen."""

    price_fen: int
    days: DateRange


PriceList = Mapping[str, Sequence[Price]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit that took place (服务): who, where, when, and how much of which items; never what it costs."""

    visit_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    mode: str
    started_at: datetime
    items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedItem:
    """One item of a visit with its price of the day; None where the list has none."""

    line_id: UUID
    visit: Visit
    item: str
    quantity: int
    price_fen: int | None

    @property
    def service(self) -> Service:
        return Service(
            id=str(self.line_id),
            provider=str(self.visit.organization_id),
            mode=self.visit.mode,
            item=self.item,
            at=self.visit.started_at,
            cost_fen=None if self.price_fen is None else self.price_fen * self.quantity,
        )


def price_on(prices: Iterable[Price], day: date) -> int | None:
    """The price of a day in fen; of two for the same day the one that began later."""
    holding = [price for price in prices if day in price.days]
    return max(holding, key=lambda price: (price.days.start, price.price_fen)).price_fen if holding else None


def priced(visit: Visit, prices: PriceList) -> list[PricedItem]:
    """A visit's lines; an item that is named twice is one line with the sum of both."""
    day = day_of(visit.started_at)
    quantities: dict[str, int] = {}
    for item, quantity in visit.items:
        quantities[item] = quantities.get(item, 0) + quantity
    return [
        PricedItem(
            line_id=named_id("settlement.line", visit.visit_id, item),
            visit=visit,
            item=item,
            quantity=quantity,
            price_fen=price_on(prices.get(item, ()), day),
        )
        for item, quantity in quantities.items()
    ]
