"""How a population goes on from year to year: people die, leave, grow older, change category; others join.

People are expected numbers, so they are floats; whoever was there or joined is there, died or left.
Everything is summed in one order, so that the same input gives the same numbers.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fund_ledger.domain.assumptions import AGE_MAX, SEXES, Assumptions, Change, Variant


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """People who are alike: county, insured category, sex, and age in whole years."""

    county: str
    category: str
    sex: str
    age: int


People = Mapping[Cell, float]
Place = tuple[str, str]  # county, category


@dataclass(frozen=True, slots=True)
class Year:
    """A year's people at its end, and how many joined, died and left on the way."""

    people: People
    entered: float
    died: float
    left: float


def size(people: People) -> float:
    return math.fsum(people.values())


def by_place(people: People) -> dict[Place, float]:
    """How many stand in each county and category."""
    found: dict[Place, list[float]] = {}
    for cell, count in people.items():
        found.setdefault((cell.county, cell.category), []).append(count)
    return {place: math.fsum(counts) for place, counts in sorted(found.items())}


def next_year(*, people: People, stored: People, assumed: Assumptions, variant: Variant) -> Year:
    """One year on. `stored` are the people of today: those who join are a share of them."""
    deaths = {sex: assumed.mortality.rates(sex, variant) for sex in SEXES}
    leaving = {each.category: float(each.share.of(variant)) for each in assumed.leavers}
    died, left = [], []
    moved: dict[Cell, list[float]] = {}
    for cell, count in sorted(people.items()):
        dying = count * deaths[cell.sex][cell.age]
        going = (count - dying) * leaving.get(cell.category, 0.0)
        died.append(dying)
        left.append(going)
        moved.setdefault(_older(cell, assumed.changes), []).append(count - dying - going)
    joining = list(_joining(stored, assumed, variant))
    for cell, count in joining:
        moved.setdefault(cell, []).append(count)
    return Year(
        people={cell: math.fsum(counts) for cell, counts in sorted(moved.items())},
        entered=math.fsum(count for _, count in joining),
        died=math.fsum(died),
        left=math.fsum(left),
    )


def _older(cell: Cell, changes: Iterable[Change]) -> Cell:
    """The same people a year later."""
    age = min(cell.age + 1, AGE_MAX)
    for change in changes:
        if change.origin == cell.category and change.sex in (None, cell.sex) and age >= change.age:
            return Cell(cell.county, change.target, cell.sex, age)
    return Cell(cell.county, cell.category, cell.sex, age)


def _joining(stored: People, assumed: Assumptions, variant: Variant) -> Iterable[tuple[Cell, float]]:
    standing: dict[tuple[str, str, str], list[float]] = {}
    for cell, count in stored.items():
        standing.setdefault((cell.county, cell.category, cell.sex), []).append(count)
    for each in assumed.entrants:
        share = float(each.share.of(variant))
        for (county, category, sex), counts in sorted(standing.items()):
            if category == each.category and share:
                yield Cell(county, category, sex, each.age), math.fsum(counts) * share
