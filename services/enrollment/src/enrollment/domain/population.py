"""A pool's people as arrays: who stands in which position, on which base, from which month to which.

In each month a person counts once, in the category that the month began with, insured on any of its
days and alive on its first; the base is the latest one that had begun, county, marks and family account
those of the month's first day. A contribution run decides the same for one month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from changhu_common.periods import Month
from numpy.typing import NDArray

# What stands for "no base" and for a day that never comes (end of an open coverage, death of a living person).
NO_BASE_FEN: Final = -1
NEVER: Final = 2**31 - 1

_EPOCH_YEAR: Final = 1970

Integers = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What a rule asks of a person beside the base: the same rule holds for everybody in it."""

    category: str
    county: str
    marks: tuple[str, ...]
    family_account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Consecutive months, each known by its number from the first (0)."""

    first: Month
    count: int

    @classmethod
    def years(cls, first: int, last: int) -> "Horizon":
        return cls(first=Month(first, 1), count=12 * (last - first + 1))

    def month(self, number: int) -> Month:
        return self.first.plus(number)

    @property
    def last(self) -> Month:
        return self.month(self.count - 1)

    def numbers(self, days: Integers) -> Integers:
        """The numbers of the months that days (counted from 1970-01-01) lie in; outside they may be anything."""
        months: Integers = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return months - ((self.first.year - _EPOCH_YEAR) * 12 + self.first.number - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRows:
    """Coverages as they are stored, one row for each base and position of each, in order of person, start, since.

    `new_person` marks a person's first row, `position` is a place in `positions`; days count from
    1970-01-01, a base in fen. A row holds from the month of `since`, one without (NEVER) always.
    """

    positions: Sequence[Position]
    new_person: NDArray[np.bool_]
    position: Integers
    start: Integers
    end: Integers
    died: Integers
    since: Integers
    base_fen: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Spans of months in which nothing about a person changes, in order of position and person.

    `first` and `last` (inclusive) are numbers in the horizon. The spans of `positions[n]` stand from
    `bounds[n]` to `bounds[n + 1]`. `person` counts people from 0.
    """

    horizon: Horizon
    positions: Sequence[Position]
    bounds: Integers
    persons: int
    person: Integers
    base_fen: NDArray[np.int64]
    first: Integers
    last: Integers

    def spans(self, number: int) -> slice:
        return slice(int(self.bounds[number]), int(self.bounds[number + 1]))


def population(rows: CoverageRows, horizon: Horizon) -> Population:
    """The spans of these coverages within the horizon."""
    count = len(rows.position)
    person = np.cumsum(rows.new_person, dtype=np.int64) - 1
    new_coverage = rows.new_person.copy()
    new_coverage[1:] |= rows.start[1:] != rows.start[:-1]
    begins = horizon.numbers(rows.start)
    ends = horizon.numbers(rows.end)
    # A month that an earlier coverage still reaches into is that one's.
    follows = new_coverage & ~rows.new_person
    begins[1:] = np.where(follows[1:], np.maximum(begins[1:], ends[:-1] + 1), begins[1:])
    begins = begins[np.maximum.accumulate(np.where(new_coverage, np.arange(count), 0))]
    ends = np.minimum(ends, horizon.numbers(rows.died))

    dated = rows.since < NEVER
    since = np.where(dated, horizon.numbers(rows.since), begins)
    first = np.maximum(begins, since)
    last = ends.copy()
    goes_on = ~new_coverage[1:]
    last[:-1] = np.where(goes_on, np.minimum(ends[:-1], since[1:] - 1), ends[:-1])
    # Before a coverage's first base there is none.
    early = np.flatnonzero(new_coverage & dated & (since > begins))

    def joined(whole: Integers, before: Integers) -> Integers:
        return np.concatenate([whole, before])

    first = np.maximum(joined(first, begins[early]), 0)
    last = np.minimum(joined(last, np.minimum(ends, since - 1)[early]), horizon.count - 1)
    person, position = joined(person, person[early]), joined(rows.position, rows.position[early])
    base_fen = joined(rows.base_fen, np.full(len(early), NO_BASE_FEN))
    there = np.flatnonzero(first <= last)
    order = there[np.lexsort((person[there], position[there]))]
    return Population(
        horizon=horizon,
        positions=rows.positions,
        bounds=np.searchsorted(position[order], np.arange(len(rows.positions) + 1)),
        persons=int(rows.new_person.sum()),
        person=person[order].astype(np.int32),
        base_fen=base_fen[order].astype(np.int64),
        first=first[order].astype(np.int16),
        last=last[order].astype(np.int16),
    )
