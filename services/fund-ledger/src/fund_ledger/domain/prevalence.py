"""How many of a hundred people are disabled (失能率), by scheme, sex and age, out of stored conclusions.

Rates are counted in bands of age and used for whole populations only; a rate is never shown, because
behind one there may be a single person.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fund_ledger.domain.assumptions import AGE_MAX, Assumptions, Variant
from fund_ledger.domain.cohorts import People
from fund_ledger.domain.posting import SCHEMES

# Bands of five years between these ages: of single years there are too few people.
BAND_FIRST: Final = 40
BAND_LAST: Final = 90
BAND_YEARS: Final = 5

# A smaller number of people is not shown.
SHOWN_MIN: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class Disabled:
    """Who is disabled to a grade of a scale: category, sex, age in whole years, and the grade."""

    category: str
    sex: str
    age: int
    grade: str


def band(age: int) -> int:
    """The first age of the band in which prevalence is counted."""
    return 0 if age < BAND_FIRST else min(age // BAND_YEARS * BAND_YEARS, BAND_LAST)


Rates = Mapping[tuple[str, str, int], Mapping[str, float]]  # scheme, sex, age: by grade


def prevalence(*, people: People, disabled: Mapping[Disabled, int], assumed: Assumptions, variant: Variant) -> Rates:
    """How many of a hundred are disabled, by scheme, sex and age: as stored, or as assumed for the scheme."""
    standing: dict[tuple[str, str, int], list[float]] = {}
    for cell, count in people.items():
        standing.setdefault((SCHEMES[cell.category], cell.sex, band(cell.age)), []).append(count)
    found: dict[tuple[str, str, int], dict[str, int]] = {}
    for each, number in sorted(disabled.items()):
        held = found.setdefault((SCHEMES[each.category], each.sex, band(each.age)), {})
        held[each.grade] = held.get(each.grade, 0) + number
    replaced = {each.scheme for each in assumed.prevalence}
    rates: dict[tuple[str, str, int], dict[str, float]] = {}
    for scheme, sex in sorted({(scheme, sex) for scheme, sex, _ in standing}):
        stored: Mapping[str, float] = {}
        for first, behind in itertools.pairwise((0, *range(BAND_FIRST, BAND_LAST + 1, BAND_YEARS), AGE_MAX + 1)):
            # Whoever grows into a band in which nobody stands today is as those of the band before.
            if there := math.fsum(standing.get((scheme, sex, first), ())):
                stored = {grade: count / there for grade, count in found.get((scheme, sex, first), {}).items()}
            for age in range(first, behind):
                rates[scheme, sex, age] = {} if scheme in replaced else dict(stored)
    for said in sorted(assumed.prevalence, key=lambda each: each.age_from):
        for age in range(said.age_from, AGE_MAX + 1):
            held_here = rates.setdefault((said.scheme, said.sex, age), {})
            rates[said.scheme, said.sex, age] = {**held_here, said.grade: float(said.rate.of(variant))}
    return rates


def shown(counts: Mapping[str, float]) -> dict[str, int | None]:
    """Numbers of people for a reader: None where they are so few that somebody might be recognised.

    One hidden number alone would follow from the sum: then the smallest of the others is hidden too.
    """
    whole = {name: round(count) for name, count in counts.items()}
    few = {name for name, count in whole.items() if 0 < count < SHOWN_MIN}
    others = sorted((count, name) for name, count in whole.items() if count >= SHOWN_MIN)
    if len(few) == 1 and others:
        few.add(others[0][1])
    return {name: None if name in few else count for name, count in whole.items()}
