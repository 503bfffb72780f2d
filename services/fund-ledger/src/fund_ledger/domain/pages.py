"""Where a page of the books ended: told with it, and said again to ask for the next."""

from dataclasses import dataclass
from datetime import date

from changhu_common.errors import FieldError, InvalidInput

# What the columns of the books hold; nothing was ever booked beyond.
SEQUENCE_MAX, NUMBER_MAX = 2**63 - 1, 2**15 - 1


@dataclass(frozen=True, slots=True)
class AfterEntry:
    """Where a page of entries ended."""

    day: date
    sequence: int
    number: int

    def __str__(self) -> str:
        return f"{self.day}/{self.sequence}/{self.number}"


def after_entry(after: str | None) -> AfterEntry | None:
    """What a reader says of the page before; InvalidInput where no page ended so."""
    if after is None:
        return None
    try:
        day, sequence, number = after.split("/")
        place = AfterEntry(date.fromisoformat(day), int(sequence), int(number))
    except ValueError as error:
        raise wrong_after() from error
    if not (0 <= place.sequence <= SEQUENCE_MAX and 0 <= place.number <= NUMBER_MAX):
        raise wrong_after()
    return place


def wrong_after() -> InvalidInput:
    return InvalidInput("after 须为上一页答复中的 next_after。", errors=[FieldError("after", "格式有误")])
