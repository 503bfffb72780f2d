"""A projection that was asked for, and as it was found: with all that it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_policies import Value

from fund_ledger.domain.assumptions import Assumptions
from fund_ledger.domain.course import Course
from fund_ledger.domain.projection import Basis, refuse_years, schemes_of

SETTLED_MONTHS = 12  # a year's payments know every season


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionAsked:
    """Which pool, with the data of which day, from which year on, over how many."""

    pool: str
    on: date
    first_year: int
    years: int

    def __post_init__(self) -> None:
        refuse_years(self.years)
        if self.first_year not in {self.on.year, self.on.year + 1}:
            reason = "须为数据截止日所在年度或其下一年"
            raise InvalidInput("测算的第一年有误。", errors=[FieldError("first_year", reason)])

    @property
    def settled_since(self) -> date:
        """From which day on payments are counted, up to the day of the data."""
        return Month.of(self.on).plus(1 - SETTLED_MONTHS).first


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """A projection with all that it rests on; `settled_since` to `on` are the days whose payments were counted.

    `policy` is what the pack says of contributions in these years, which the dues were counted by.
    """

    pool: str
    name: str
    document: str
    draft: bool
    pack_version: str
    on: date
    settled_since: date
    years: int
    anchor: str | None
    made_at: datetime
    assumed: Assumptions
    basis: Basis
    courses: Sequence[Course]
    without_base: int = 0
    unassigned_fen: int = 0
    policy: Sequence[Value] = ()

    @property
    def schemes(self) -> list[str]:
        return schemes_of(self.basis, self.assumed)

    @property
    def days(self) -> str:
        first = self.basis.first_year
        return f"{first} 至 {first + self.years - 1} 年"
