"""Days and months are those of Asia/Shanghai; a range of days includes both its ends.

An open end is `None`. Whoever speaks of "the month" of a moment means the month that a
calendar on a wall in Beijing shows at that moment.
"""

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

# No fund's money moved before: a slip in the year lies before it, and months would have to be closed from there.
MONEY_BEGINS = date(2000, 1, 1)


def day_of(moment: datetime) -> date:
    """The calendar day in Shanghai of an aware moment; a naive one is a programming error."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no day")
    return moment.astimezone(SHANGHAI).date()


def midnight(day: date) -> datetime:
    """The moment in which a day of Shanghai begins."""
    return datetime.combine(day, time(), SHANGHAI)


@dataclass(frozen=True, slots=True, order=True)
class DateRange:
    """Days from `start` to `end`, both included; `end=None` is open."""

    start: date
    end: date | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"a range cannot end ({self.end}) before it starts ({self.start})")

    def __contains__(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day <= self.end)

    def overlap(self, other: "DateRange") -> "DateRange | None":
        """The days that both ranges share, or None."""
        start = max(self.start, other.start)
        ends = [end for end in (self.end, other.end) if end is not None]
        end = min(ends) if ends else None
        return None if end is not None and end < start else DateRange(start, end)


def joined(ranges: Iterable[DateRange]) -> list[DateRange]:
    """Ranges in order, with those that overlap or touch made one: what is left apart is a break."""
    result: list[DateRange] = []
    for each in sorted(ranges, key=lambda r: (r.start, r.end or date.max)):
        last = result[-1] if result else None
        if last is None or (last.end is not None and each.start > last.end + timedelta(days=1)):
            result.append(each)
        elif last.end is not None and (each.end is None or each.end > last.end):
            result[-1] = DateRange(last.start, each.end)
    return result


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, written 2026-07."""

    year: int
    number: int

    def __post_init__(self) -> None:
        date(self.year, self.number, 1)

    @classmethod
    def of(cls, day: date) -> Self:
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "2026-07"; anything else is a ValueError."""
        year, dash, number = text.partition("-")
        if len(text) != 7 or dash != "-" or not (year + number).isascii() or not (year + number).isdigit():
            raise ValueError(f"not a month written as 2026-07: {text!r}")
        return cls(int(year), int(number))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def days(self) -> DateRange:
        return DateRange(self.first, self.last)

    def plus(self, months: int) -> "Month":
        index = self.year * 12 + self.number - 1 + months
        return Month(index // 12, index % 12 + 1)

    def until(self, last: "Month") -> Iterator["Month"]:
        """This month and every one after it up to `last`."""
        month = self
        while month <= last:
            yield month
            month = month.plus(1)


def months_after(day: date, months: int) -> date:
    """The first day after so many whole months that begin on `day`: 31 August + 6 → 1 March."""
    month = Month.of(day).plus(months)
    if day.day <= month.last.day:
        return date(month.year, month.number, day.day)
    return month.plus(1).first
