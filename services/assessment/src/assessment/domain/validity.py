"""A person has one grade a day at most: a later conclusion cuts the earlier one's end short.

What is left of each conclusion follows from all of the person's conclusions alone, so a revoked one
gives back the days that it took.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from changhu_common.errors import Conflict
from changhu_common.periods import DateRange, months_after

ONE_DAY = timedelta(days=1)


class RevokedBefore(Conflict):
    """A conclusion is revoked once."""

    code = "conclusion.revoked"
    title = "结论已撤销"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """A conclusion as it was made: `days` are its whole validity (有效期). A later one has the higher `place`."""

    id: UUID
    place: int
    days: DateRange
    revoked: bool = False


def whole_validity(*, start: date, months: int) -> DateRange:
    """The days of a conclusion that nothing cuts short. `months` is the pack's `assessment.validity_months`."""
    return DateRange(start, months_after(start, months) - ONE_DAY)


def days_in_force(conclusions: Sequence[Concluded]) -> dict[UUID, DateRange | None]:
    """The days that each conclusion is in force; None for one that is revoked or that a later one replaces whole."""
    left: dict[UUID, DateRange | None] = {}
    taken_from: date | None = None
    for each in sorted(conclusions, key=lambda conclusion: conclusion.place, reverse=True):
        if each.revoked:
            left[each.id] = None
            continue
        end = each.days.end
        if taken_from is not None and (end is None or end >= taken_from):
            end = taken_from - ONE_DAY
        left[each.id] = DateRange(each.days.start, end) if end is None or each.days.start <= end else None
        taken_from = each.days.start if taken_from is None else min(taken_from, each.days.start)
    return left
