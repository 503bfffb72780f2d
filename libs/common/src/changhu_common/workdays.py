"""A deadline in working days (工作日) is counted on the calendar that the State Council published, never guessed.

Each autumn the notice for the next year names the days off and the weekends that are worked; every
other day follows its weekday. A year without its notice is refused until somebody supplies it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from chinese_calendar import constants

from changhu_common.errors import Refusal

ONE_DAY = timedelta(days=1)


class YearMissing(Refusal):
    """A deadline reaches into a year whose calendar is not known yet."""

    code = "calendar.year_missing"
    title = "缺少工作日历"

    def __init__(self, year: int) -> None:
        super().__init__(f"缺少 {year} 年的工作日历；请先录入国务院办公厅公布的该年节假日安排", year=year)


@dataclass(frozen=True)
class WorkingDays:
    """The calendar of `years`; `exceptions` are the days that differ from their weekday: worked or not."""

    years: frozenset[int]
    exceptions: Mapping[date, bool] = field(repr=False)

    def with_year(self, year: int, exceptions: Mapping[date, bool]) -> "WorkingDays":
        """This calendar with a year added, or with days of a known year corrected (延长假期)."""
        if strange := [day for day in exceptions if day.year != year]:
            raise ValueError(f"not days of {year}: {strange}")
        return WorkingDays(self.years | {year}, {**self.exceptions, **exceptions})

    def is_working_day(self, day: date) -> bool:
        if day.year not in self.years:
            raise YearMissing(day.year)
        return self.exceptions.get(day, day.weekday() < 5)

    def add_working_days(self, start: date, days: int) -> date:
        """The day on which a term of so many working days ends; `start` itself does not count (民法典 201)."""
        if days < 0:
            raise ValueError("a term is not negative")
        day = start
        while days:
            day += ONE_DAY
            days -= self.is_working_day(day)
        return day

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days passed after `start` up to and including `end`."""
        return sum(self.is_working_day(start + ONE_DAY * n) for n in range(1, (end - start).days + 1))


NATIONAL = WorkingDays(
    years=frozenset(day.year for day in constants.holidays),
    exceptions=dict.fromkeys(constants.holidays, False) | dict.fromkeys(constants.workdays, True),
)
"""The calendar of the published notices that chinesecalendar carries (2004–2026)."""
