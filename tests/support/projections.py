"""Small populations and plain assumptions, whose course can be worked out by hand."""

from fractions import Fraction
from typing import Any

from fund_ledger.domain.assumptions import GROWTHS, VARIANTS, Assumptions, Mortality, Said
from fund_ledger.domain.cohorts import Cell
from fund_ledger.domain.prevalence import Disabled
from fund_ledger.domain.projection import Basis

FIRST_YEAR = 2027
EMPLOYEE = Cell("A", "employee", "female", 45)
DUE_FEN = 1_200_000
SETTLED_FEN = 300_000
GRADE = "scale 5"


def said(*numbers: str | int) -> Said:
    """One number, or three."""
    low, middle, high = (Fraction(each) for each in (numbers if len(numbers) == 3 else numbers * 3))
    return Said(low=low, middle=middle, high=high, source="试", status="assumed")


def mortality(rate: str | int = 0, factor: Said | None = None) -> Mortality:
    table = ((0, Fraction(rate)),)
    return Mortality(female=table, male=table, factor=factor or said(1), source="试", status="assumed")


def assumptions(**more: Any) -> Assumptions:
    """Nothing changes, everything is collected, nobody dies or joins."""
    rates = {name: said(0) for name in GROWTHS} | {"collection_rate": said(1)} | more.pop("rates", {})
    return Assumptions(**{"title": "试", "rates": rates, "mortality": mortality(), **more})


def basis(**more: Any) -> Basis:
    """A thousand employees, ten of them disabled, who pay 12,000 yuan a year and got 3,000 in six months."""
    people = more.get("people", {EMPLOYEE: 1_000.0})
    places = {(cell.county, cell.category): DUE_FEN for cell in people}
    every_year = {FIRST_YEAR + number: places for number in range(30)}
    return Basis(
        **{
            "first_year": FIRST_YEAR,
            "people": people,
            "disabled": {Disabled("employee", "female", 45, GRADE): 10},
            "dues": dict.fromkeys(VARIANTS, every_year),
            "settled": {("employees", GRADE, "home"): SETTLED_FEN},
            "settled_months": 6,
            "opening": {"employees": 500_000},
            **more,
        }
    )
