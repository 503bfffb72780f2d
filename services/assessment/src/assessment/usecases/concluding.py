"""A conclusion takes effect: its days are laid beside the person's others, and every change of days is told."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from changhu_common.database import AuditEntry, Transaction
from changhu_common.events.assessment import AssessmentPublished, AssessmentRevoked
from changhu_common.ids import named_id
from changhu_common.merged_persons import Moved
from changhu_common.periods import DateRange, day_of
from changhu_policies.parameters import NO_LEVEL
from changhu_policies.projection import SuppliedValues

from assessment.domain.validity import Concluded, days_in_force, whole_validity
from assessment.storage import conclusions, facts
from assessment.usecases.views import AnyRow


async def benefit_level(tx: Transaction, supplied: SuppliedValues, pool: str, visit: AnyRow) -> str | None:
    """The level (待遇档次) that a visit's grade reaches today by the pack's `benefit.level`; None without benefit."""
    pack = await supplied.pack(tx.connection, pool)
    level = pack.value("benefit.level", on=day_of(tx.now), scale=visit.scale, grade=visit.grade).value
    return None if level == NO_LEVEL else str(level)


async def conclude(
    tx: Transaction, supplied: SuppliedValues, *, application: AnyRow, visit: AnyRow, start: date
) -> UUID:
    """Let the round's conclusion take effect on `start` and cut short what it replaces; raises PolicyMissing."""
    pack = await supplied.pack(tx.connection, application.pool)
    months = pack.value("assessment.validity_months", on=start, grade=visit.grade).value
    days = whole_validity(start=start, months=months)
    # The person's row stands for the whole of their conclusions: one at a time, and their events in order.
    person_id = await facts.lock_person(tx.connection, application.person_id)
    earlier = await conclusions.of_person(tx.connection, person_id)
    place = max((row.place for row in earlier), default=0) + 1
    conclusion_id = named_id("assessment.conclusion", application.id, application.round)
    new = Concluded(id=conclusion_id, place=place, days=days)
    await tell_changed_days(tx, earlier, days_in_force([*map(_concluded, earlier), new]))
    await conclusions.add(
        tx.connection,
        {
            "id": conclusion_id,
            "application_id": application.id,
            "round": application.round,
            "person_id": person_id,
            "merged_id": None if person_id == application.person_id else application.person_id,
            "place": place,
            "pool": application.pool,
            "county": application.county,
            "scale": visit.scale,
            "scale_version": visit.scale_version,
            "grade": visit.grade,
            "level": await benefit_level(tx, supplied, application.pool, visit),
            "start": days.start,
            "end": days.end,
            "valid_until": days.end,
            "disabled_since": application.disabled_since,
            "published_on": day_of(tx.now),
            "pack_version": pack.version,
            "revision": 1,
            "void": False,
        },
    )
    tx.record(
        AuditEntry(
            "publish",
            "conclusion",
            conclusion_id,
            after={"application_id": application.id, "grade": visit.grade, "start": days.start, "end": days.end},
        )
    )
    (row,) = [each for each in await conclusions.of_person(tx.connection, person_id) if each.place == place]
    _tell(tx, row, end=row.end, void=False, revision=1)
    return conclusion_id


async def revoke(tx: Transaction, row: AnyRow, *, reason: str) -> None:
    """Void a conclusion from its first day; what it had cut short gets its days back."""
    today = day_of(tx.now)
    await conclusions.revoke(tx.connection, row.id, on=today, reason=reason)
    known = await conclusions.of_person(tx.connection, row.person_id)
    left = days_in_force([_concluded(each) for each in known])
    # The revoked one first: the database lets no two of a person's conclusions share a day, not even in between.
    others = [each for each in known if each.id != row.id]
    await tell_changed_days(tx, [row], left)
    await tell_changed_days(tx, others, left)
    tx.record(AuditEntry("revoke", "conclusion", row.id))


async def follow_merges(tx: Transaction, handed: Sequence[Moved]) -> None:
    """Lay the conclusions of records that are another person's now beside that person's, in order of publication."""
    persons = {person for each in handed for person in (each.before, each.now)}
    await facts.lock_persons(tx.connection, persons)
    before = await conclusions.of_persons(tx.connection, persons)
    # Until each stands where it belongs none is in force, so that never two are on one day.
    await conclusions.set_aside(tx.connection, [row.id for row in before])
    await conclusions.rehome(tx.connection, handed)
    whose = {row.id: row.person_id for row in await conclusions.of_persons(tx.connection, persons)}
    of_person: dict[UUID, list[Concluded]] = defaultdict(list)
    for row in sorted(before, key=lambda row: (row.published_on, row.place, row.id)):
        person = of_person[whose[row.id]]
        person.append(replace(_concluded(row), place=len(person) + 1))
    places = {each.id: each.place for person in of_person.values() for each in person}
    await conclusions.put_in_order(tx.connection, places)
    left = {id_: days for person in of_person.values() for id_, days in days_in_force(person).items()}
    as_before = [row.id for row in before if not row.void and (days := left[row.id]) and days.end == row.end]
    await conclusions.let_stand(tx.connection, as_before)
    await tell_changed_days(tx, before, left)


async def tell_changed_days(tx: Transaction, rows: Sequence[AnyRow], left: dict[UUID, DateRange | None]) -> None:
    """Write and tell, under a higher revision, whichever of the conclusions has other days than before."""
    for row in rows:
        days = left[row.id]
        void = days is None
        end = days.end if days is not None and days.end is not None else row.end
        if (end, void) == (row.end, row.void):
            continue
        revision = row.revision + 1
        await conclusions.set_days(tx.connection, row.id, end=end, void=void, revision=revision)
        tx.record(
            AuditEntry(
                "change_days",
                "conclusion",
                row.id,
                before={"end": row.end, "void": row.void},
                after={"end": end, "void": void},
            )
        )
        _tell(tx, row, end=end, void=void, revision=revision)


def _concluded(row: AnyRow) -> Concluded:
    return Concluded(
        id=row.id,
        place=row.place,
        days=DateRange(row.start, row.valid_until),
        revoked=row.revoked_on is not None,
    )


def _tell(tx: Transaction, row: AnyRow, *, end: date, void: bool, revision: int) -> None:
    fact = AssessmentRevoked if void else AssessmentPublished
    tx.emit(
        fact(
            conclusion_id=row.id,
            # What is told of a conclusion goes on being told of the record that it was made for.
            person_id=row.merged_id or row.person_id,
            pool=row.pool,
            revision=revision,
            scale=row.scale,
            scale_version=row.scale_version,
            grade=row.grade,
            start=row.start,
            end=end,
            disabled_since=row.disabled_since,
            published_on=row.published_on,
            pack_version=row.pack_version,
        )
    )
