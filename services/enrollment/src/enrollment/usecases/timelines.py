"""A person's timeline answers what held on a day, as it was known on another day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import NotFound
from changhu_common.roles import Caller

from enrollment.domain import timeline
from enrollment.domain.timeline import Version
from enrollment.storage import persons, timelines


@dataclass(frozen=True, slots=True)
class HeldCoverage:
    """The coverage of the day, with the base that held."""

    coverage_id: UUID
    category: str
    start: date
    end: date | None
    base_fen: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was known by then: `recorded_at` None came with the first load."""

    subject: str
    state: dict[str, Any]
    recorded_at: datetime | None
    replaced_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class TimelineView:
    """What held on `on`, as known at the end of `known_on` (参保履历).

    `entries` is everything that was known by then, whatever its days; `history` everything that had
    been known before and was corrected, with what replaced it in time.
    """

    person_id: UUID
    on: date
    known_on: date
    county: str
    marks: Sequence[str]
    family_account: bool
    died_on: date | None
    coverage: HeldCoverage | None
    suspended: bool
    other_benefits: Sequence[str]
    in_hospital: bool
    entries: Sequence[Entry]
    history: Sequence[Entry]


class Timelines:
    """Enquiries along both axes of time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_person(self, *, caller: Caller, person_id: UUID, on: date, known_on: date) -> TimelineView:
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            versions = await timelines.versions_of(connection, person_id)
            if any(each.recorded_at is None for each in versions):
                registered_at = await timelines.registered_at(connection, person_id)
                versions = [each if each.recorded_at else replace(each, recorded_at=registered_at) for each in versions]
        known = timeline.as_known(versions, on=known_on)
        person = next((each for each in known if each.subject == timeline.PERSON), None)
        if person is None:
            raise NotFound(f"该人员在 {known_on} 尚未登记。")
        died_on = person.state["died_on"]
        earlier = timeline.learned_by(versions, on=known_on)
        return TimelineView(
            person_id=person_id,
            on=on,
            known_on=known_on,
            county=timeline.county_on(known, on=on),
            marks=timeline.marks_on(known, on=on),
            family_account=person.state["family_account"],
            died_on=date.fromisoformat(died_on) if died_on else None,
            coverage=_coverage(known, on),
            suspended=bool(timeline.held_on(known, timeline.SUSPENSION, on=on)),
            other_benefits=sorted(
                {each.state["kind"] for each in timeline.held_on(known, timeline.OTHER_BENEFIT, on=on)}
            ),
            in_hospital=bool(timeline.held_on(known, timeline.HOSPITAL_STAY, on=on)),
            entries=[_entry(each) for each in sorted(known, key=_order)],
            history=[_entry(each) for each in sorted(earlier, key=_order)],
        )


def _coverage(known: Sequence[Version], on: date) -> HeldCoverage | None:
    for each in timeline.held_on(known, timeline.COVERAGE, on=on):
        return HeldCoverage(
            coverage_id=UUID(each.state["id"]),
            category=each.state["category"],
            start=each.days.start,
            end=each.days.end,
            base_fen=timeline.base_on(known, each.state["id"], on=on),
        )
    return None


def _order(each: Version) -> tuple[str, str]:
    begins = each.state.get("start") or each.state.get("since") or ""
    return each.recorded_at.isoformat() if each.recorded_at else "", begins


def _entry(each: Version) -> Entry:
    hidden = ("recorded_at", "person_id", "pool", "revision")
    state = {name: value for name, value in each.state.items() if name not in hidden}
    return Entry(each.subject, state, each.recorded_at, each.replaced_at, each.reason)
