"""How a fund goes under one variant, year by year: what a projection finds.

Amounts are fen; people are expected numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from fund_ledger.domain.assumptions import Variant
from fund_ledger.domain.cohorts import Year
from fund_ledger.domain.reports import months_of_reserve

MONTHS_A_YEAR: Final = 12

# All schemes together, and the books' money that no scheme is named for.
TOTAL: Final = "total"
UNASSIGNED: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A scheme's year, in fen; people and disabled as expected numbers; `reserve` in months of its expense."""

    year: int
    scheme: str
    people: float
    disabled: Mapping[str, float]
    contributions_fen: int
    other_income_fen: int
    interest_fen: int
    benefits_fen: int
    other_expense_fen: int
    balance_fen: int

    @property
    def income_fen(self) -> int:
        return self.contributions_fen + self.other_income_fen + self.interest_fen

    @property
    def expense_fen(self) -> int:
        return self.benefits_fen + self.other_expense_fen

    @property
    def reserve(self) -> Fraction | None:
        return months_of_reserve(surplus_fen=self.balance_fen, expense_fen=self.expense_fen, months=MONTHS_A_YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyYear:
    """A county's people in a year, and what is collected of them, rounded once for the county."""

    year: int
    county: str
    people: float
    contributions_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one variant goes: each year of each scheme, the years as wholes, and how the people went on.

    `unpriced` are categories that people came into although nobody stands in them today: the pack was
    asked for nobody's contribution there, so that none is counted.
    """

    variant: Variant
    flows: Sequence[Flow]
    totals: Sequence[Flow]
    years: Sequence[Year]
    counties: Sequence[CountyYear] = ()
    unpriced: Sequence[str] = ()

    def runs_out(self, scheme: str | None = None) -> int | None:
        """The first year at whose end nothing is left; `None` asks for the whole fund."""
        held = self.totals if scheme is None else [each for each in self.flows if each.scheme == scheme]
        return next((each.year for each in held if each.balance_fen < 0), None)


def total_of(flows: Sequence[Flow]) -> Flow:
    """The schemes of a year together."""
    disabled: dict[str, float] = {}
    for each in flows:
        for grade, count in each.disabled.items():
            disabled[grade] = disabled.get(grade, 0.0) + count
    sums = {
        name: sum(getattr(each, name) for each in flows)
        for name in (
            "contributions_fen",
            "other_income_fen",
            "interest_fen",
            "benefits_fen",
            "other_expense_fen",
            "balance_fen",
        )
    }
    return Flow(
        year=flows[0].year,
        scheme=TOTAL,
        people=math.fsum(each.people for each in flows),
        disabled=dict(sorted(disabled.items())),
        **sums,
    )
