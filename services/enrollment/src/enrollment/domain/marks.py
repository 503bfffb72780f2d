"""A person's marks change from a day on: what held before still held, so a past month is counted as it was."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from changhu_common.errors import Conflict
from changhu_common.periods import DateRange

from enrollment.domain.reported import KnownFact

ONE_DAY = timedelta(days=1)


class MarkHasDays(Conflict):
    """A mark (人员标识) with days is changed from a day on, or on its own record."""

    code = "mark.has_days"
    title = "该人员标识有起止日期"


class MarkWithoutDays(Conflict):
    """A mark that holds always is given days: what it was before them would be lost."""

    code = "mark.without_days"
    title = "该人员标识不限期"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkChange:
    """What becomes of the records: days that are added, records that end the day before, or never were.

    `dropped` are marks without days that are not replaced by any.
    """

    added: tuple[tuple[str, DateRange], ...]
    ended: tuple[UUID, ...]
    voided: tuple[UUID, ...]
    dropped: frozenset[str]


def held_always(*, marks: Collection[str], dated: Sequence[KnownFact]) -> set[str]:
    """The marks of a person's row that hold on every day, because no record says on which."""
    return set(marks) - {each.kind for each in dated}


def mark_change(
    *, wanted: Collection[str], marks: Collection[str], dated: Sequence[KnownFact], insured_since: date, since: date
) -> MarkChange:
    """How exactly the wanted marks hold from a day on; `marks` are those of today, `dated` the records there are."""
    always = held_always(marks=marks, dated=dated)
    added = [
        (mark, DateRange(since, _day_before_the_next(mark, dated, since)))
        for mark in sorted(set(wanted) - always)
        if not any(each.kind == mark and since in each.days for each in dated)
    ]
    gone = always - set(wanted)
    if insured_since < since:
        added += [(mark, DateRange(insured_since, since - ONE_DAY)) for mark in sorted(gone)]
    unwanted = [each for each in dated if each.kind not in wanted]
    return MarkChange(
        added=tuple(added),
        ended=tuple(each.id for each in unwanted if each.days.start < since and since in each.days),
        voided=tuple(each.id for each in unwanted if each.days.start >= since),
        dropped=frozenset(gone) if insured_since >= since else frozenset(),
    )


def _day_before_the_next(mark: str, dated: Sequence[KnownFact], since: date) -> date | None:
    later = [each.days.start for each in dated if each.kind == mark and each.days.start > since]
    return min(later) - ONE_DAY if later else None
