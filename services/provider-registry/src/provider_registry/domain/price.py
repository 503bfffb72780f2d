"""A price list (价格公示) states one price per item and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from changhu_common.errors import Conflict, FieldError
from changhu_common.periods import DateRange

PRICE_FEN_MAX = 100_000_000  # a million yuan for one unit of care is a slip of the finger
PRICES_MAX = 500  # more than ten times the catalogue


class PriceOverlap(Conflict):
    """An item would have two prices on one day."""

    code = "price.overlap"
    title = "同一项目的价格期重叠"


class PriceEndUnfit(Conflict):
    """The last day is before the first, or after the end that stands."""

    code = "price.end_unfit"
    title = "价格截止日期不符"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit of an item costs on some days, in fen."""

    id: UUID
    item: str
    price_fen: int
    days: DateRange


def refuse_overlaps(*, standing: Sequence[Price], added: Sequence[Price]) -> None:
    """Raise PriceOverlap, naming every added price that has a day in common with another of its item."""
    by_item: dict[str, list[Price]] = {}
    for each in (*standing, *added):
        by_item.setdefault(each.item, []).append(each)
    errors = [
        FieldError(f"prices.{n}", f"{price.item} 在这段时间已有价格")
        for n, price in enumerate(added)
        if any(other is not price and other.days.overlap(price.days) for other in by_item[price.item])
    ]
    if errors:
        raise PriceOverlap("同一项目同一天只能有一个价格; 请先截止原价格, 再公示新价格。", errors=errors)
