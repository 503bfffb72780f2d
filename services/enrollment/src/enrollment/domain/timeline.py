"""What held on one day as it was known on another: two axes of time, and neither is ever overwritten.

A version (记录版本) is what a row said from when it was recorded until it was replaced; a version
without a beginning was there from the first load on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from changhu_common.periods import SHANGHAI, DateRange

ONE_DAY = timedelta(days=1)
PERSON, COVERAGE, BASE, MERGE, MOVE = "person", "coverage", "contribution_base", "merge", "county_move"
SUSPENSION, OTHER_BENEFIT, HOSPITAL_STAY, HARDSHIP = "suspension", "other_benefit", "hospital_stay", "hardship"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What one row said, and between which moments it was what we knew."""

    subject: str
    state: Mapping[str, Any]
    recorded_at: datetime | None
    replaced_at: datetime | None = None
    reason: str | None = None

    def known_before(self, moment: datetime) -> bool:
        begun = self.recorded_at is None or self.recorded_at < moment
        return begun and (self.replaced_at is None or self.replaced_at >= moment)

    @property
    def days(self) -> DateRange:
        start, end, of_age = (_day(self.state.get(name)) for name in ("start", "end", "of_age_on"))
        assert start is not None  # whatever has days begins
        # Whoever is too old for a category is not insured in it any more, whether that day has come or not.
        if of_age is not None and start < of_age:
            end = min(end or date.max, of_age - ONE_DAY)
        return DateRange(start, end)

    @property
    def void(self) -> bool:
        return self.state.get("void_reason") is not None


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None


def as_known(versions: Iterable[Version], *, on: date) -> list[Version]:
    """The versions that were what we knew at the end of a day; a base is known with its coverage."""
    midnight = datetime.combine(on + ONE_DAY, time(), SHANGHAI)
    known = [each for each in versions if each.known_before(midnight)]
    coverages = {each.state["id"] for each in known if each.subject == COVERAGE}
    return [each for each in known if each.subject != BASE or each.state["coverage_id"] in coverages]


def held_on(versions: Iterable[Version], subject: str, *, on: date) -> list[Version]:
    """Those of one sort whose days include a day."""
    return [each for each in versions if each.subject == subject and not each.void and on in each.days]


def county_on(versions: Iterable[Version], *, on: date) -> str:
    """The county of a day: the person's, unless it became that later."""
    known = list(versions)
    later = {each.state["since"]: each.state["from_county"] for each in known if each.subject == MOVE}
    left = min((since for since in later if date.fromisoformat(since) > on), default=None)
    if left is not None:
        return str(later[left])
    return next(str(each.state["county"]) for each in known if each.subject == PERSON)


def marks_on(versions: Iterable[Version], *, on: date) -> list[str]:
    """The marks (人员标识) of a day: those with dated records by them, the others always."""
    known = list(versions)
    always = {mark for each in known if each.subject == PERSON for mark in each.state["marks"]}
    dated = {each.state["kind"] for each in known if each.subject == HARDSHIP}
    held = {each.state["kind"] for each in held_on(known, HARDSHIP, on=on)}
    return sorted((always - dated) | held)


def base_on(versions: Iterable[Version], coverage_id: str, *, on: date) -> int | None:
    """The contribution base (缴费基数) of a coverage on a day: the latest one that began by then."""
    begun = [
        (each.state["since"], each.state["base_fen"])
        for each in versions
        if each.subject == BASE
        and each.state["coverage_id"] == coverage_id
        and date.fromisoformat(each.state["since"]) <= on
    ]
    return max(begun)[1] if begun else None


def learned_by(versions: Iterable[Version], *, on: date) -> list[Version]:
    """Those that had been recorded and replaced by the end of a day."""
    midnight = datetime.combine(on + ONE_DAY, time(), SHANGHAI)
    return [each for each in versions if each.replaced_at is not None and each.replaced_at < midnight]
