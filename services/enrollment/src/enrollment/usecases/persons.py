"""Persons are registered once a pool, changed under a lock, and shown with what identifies them masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, InvalidInput
from changhu_common.events.enrollment import PersonEnrolled, PersonUpdated
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.resident_numbers import ResidentNumber
from changhu_common.roles import Caller
from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import (
    Claim,
    Registration,
    county_is_known,
    county_is_the_callers,
    faults_of,
    marks_exist,
    refuse,
    registered,
)
from enrollment.storage import candidates, marks, persons
from enrollment.storage.identities import Identities
from enrollment.storage.merge_tables import MERGED
from enrollment.storage.tables import person
from enrollment.usecases.families import NamedGuardian, name_guardian
from enrollment.usecases.marking import Marking, change_marks, refuse_days
from enrollment.usecases.moving import move
from enrollment.usecases.telling import tell
from enrollment.usecases.territories import territory_of

PAGE_PERSONS_MAX = 500


class AlreadyEnrolled(Conflict):
    """A pool knows a resident number once."""

    code = "person.already_enrolled"
    title = "该人员已在本统筹区登记"


@dataclass(frozen=True, slots=True)
class BaseView:
    since: date
    base_fen: int


@dataclass(frozen=True, slots=True)
class CoverageView:
    """A coverage; from `of_age_on` on the person is too old for its category."""

    coverage_id: UUID
    category: str
    start: date
    end: date | None
    of_age_on: date | None
    bases: Sequence[BaseView]


@dataclass(frozen=True, slots=True)
class SuspensionView:
    suspension_id: UUID
    start: date
    end: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as an answer shows him: name, number and phone masked; `merged_into` where it is another's record."""

    person_id: UUID
    pool: str
    county: str
    name: str
    resident_number: str
    phone: str | None
    marks: Sequence[str]
    family_account: bool
    died_on: date | None
    revision: int
    merged_into: UUID | None
    coverage: Sequence[CoverageView]
    suspensions: Sequence[SuspensionView]


@dataclass(frozen=True, slots=True)
class PersonPage:
    """A page of persons; `next` is what to give as `after` for the next one, None on the last."""

    persons: Sequence[PersonView]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What may be corrected of a person; None leaves a field as it is."""

    name: str | None = None
    county: str | None = None
    # From when on the person is of that county; None means today.
    county_since: date | None = None
    phone: str | None = None
    marks: tuple[str, ...] | None = None
    # From when on exactly these marks hold; None corrects those that hold always.
    marks_since: date | None = None


def new_person(entered: Registration, identities: Identities, person_id: UUID) -> dict[str, Any]:
    """The row of a person registered for the first time."""
    return {
        **unnamed_person(entered, person_id),
        **identities.sealed(person_id, name=entered.name, number=entered.resident_number, phone=entered.phone),
    }


def unnamed_person(entered: Registration, person_id: UUID) -> dict[str, Any]:
    """The same row without what identifies the person."""
    return {
        "id": person_id,
        "pool": entered.pool,
        "county": entered.county,
        "marks": entered.marks or (),
        "family_account": False,
        "died_on": None,
        "revision": 1,
    }


def new_coverage(entered: Registration, person_id: UUID, coverage_id: UUID) -> dict[str, Any]:
    return {
        "id": coverage_id,
        "pool": entered.pool,
        "person_id": person_id,
        "category": entered.category,
        "start": entered.start,
        "end": entered.end,
    }


def first_base(entered: Registration, coverage_id: UUID) -> list[dict[str, Any]]:
    """The base that a coverage begins with, where one was given."""
    if entered.base_fen is None:
        return []
    return [{"coverage_id": coverage_id, "since": entered.start.replace(day=1), "base_fen": entered.base_fen}]


def audited(entered: Registration, **more: Any) -> dict[str, Any]:
    """What an audit row keeps of a registration: never who it is."""
    return {
        "county": entered.county,
        "category": entered.category,
        "start": str(entered.start),
        "end": entered.end and str(entered.end),
        "base_fen": entered.base_fen,
        "marks": entered.marks,
        **more,
    }


def _already_enrolled(caller: Caller, row: Row[Any] | None = None) -> AlreadyEnrolled:
    """The refusal, with whose number it is where the caller may know."""
    detail = "同一公民身份号码在本统筹区只能登记一次；请查询后在原登记上办理。"
    if row is None or not caller.scope.covers(pool=row.pool, county=row.county):
        return AlreadyEnrolled(detail)
    return AlreadyEnrolled(detail, person_id=str(row.id))


class Persons:
    """Registration, enquiry and correction of persons (参保人)."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def enroll(
        self, *, caller: Caller, asked: AskedChange, claim: Claim, guardian: NamedGuardian | None = None
    ) -> PersonView:
        """Register a person with a first coverage (参保登记); a minor's is through a guardian."""
        async with self._database.change(asked) as tx:
            territory = await territory_of(tx.connection, caller.scope, today=day_of(tx.now))
            entered = registered(claim, territory)
            # Under an older index key the unique index alone would not find him.
            digests = self._identities.candidates(entered.resident_number)
            if found := await persons.known(tx.connection, [entered.pool], digests):
                survivors = await persons.stand_ins(tx.connection, found)
                raise _already_enrolled(caller, survivors.get(found[0].id, found[0]))
            person_id, coverage_id = new_id(), new_id()
            added = await persons.add(tx.connection, [new_person(entered, self._identities, person_id)])
            if not added:
                raise _already_enrolled(caller)
            await persons.add_coverage(tx.connection, [new_coverage(entered, person_id, coverage_id)])
            await persons.set_bases(tx.connection, first_base(entered, coverage_id))
            row = (await persons.get(tx.connection, [person_id], caller.scope))[0]
            if guardian is not None:
                await name_guardian(tx, caller=caller, ward=row, named=guardian, since=entered.start)
            await candidates.look_again(tx.connection, row.pool, person_id)
            insured = (await persons.insurance(tx.connection, [person_id]))[person_id]
            tx.emit(persons.state(PersonEnrolled, row, insured))
            tx.record(AuditEntry("person.enrolled", "person", person_id, after=audited(entered)))
            return tx.answer(self._view(row, insured))

    async def correct(self, *, caller: Caller, asked: AskedChange, person_id: UUID, details: Details) -> PersonView:
        """Correct name, phone or marks, or move a person to another county of the pool."""
        async with self._database.change(asked) as tx:
            row = await persons.lock(tx.connection, person_id, caller.scope)
            await self._check(tx.connection, caller, row, details, today=day_of(tx.now))
            changed = self._changed(row, details)
            moved: dict[str, date] = {}
            if details.marks is not None and details.marks_since is not None:
                marking = Marking(row, details.marks, details.marks_since)
                await change_marks(tx, [marking], reference="")
            elif "marks" in changed:
                await refuse_days(tx.connection, row, changed["marks"])
            if details.county is not None and ("county" in changed or details.county_since is not None):
                changed["county"] = details.county
                moved = {"county_since": await move(tx, row, county=details.county, since=details.county_since)}
            if changed:
                await tx.connection.execute(update(person).where(person.c.id == person_id).values(**changed))
                if "county" in changed:
                    await tell(tx, {person_id: PersonUpdated})
                if changed.keys() & {"name", "phone"}:
                    await candidates.look_again(tx.connection, row.pool, person_id)
                shown = ("county", "marks")
                tx.record(
                    AuditEntry(
                        "person.corrected",
                        "person",
                        person_id,
                        before={each: getattr(row, each) for each in shown},
                        after={each: changed.get(each, getattr(row, each)) for each in shown}
                        | {"changed": sorted(changed.keys() - {"identity_index"}), **moved},
                    )
                )
            return tx.answer(await self.view_of(tx.connection, person_id, caller))

    def _changed(self, row: Row[Any], details: Details) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        if details.name is not None and details.name != self._identities.name(row):
            changed["name"] = self._identities.seal(row.id, "name", details.name)
            changed["identity_index"] = self._identities.identity_of(row, name=details.name)
        if details.phone is not None:
            changed["phone"] = self._identities.seal(row.id, "phone", details.phone) if details.phone else None
        if (
            details.marks is not None
            and details.marks_since is None
            and (marks := sorted(set(details.marks))) != row.marks
        ):
            changed["marks"] = marks
        if details.county is not None and details.county != row.county:
            changed["county"] = details.county
        return changed

    async def _check(
        self, connection: AsyncConnection, caller: Caller, row: Row[Any], details: Details, *, today: date
    ) -> None:
        territory = await territory_of(connection, caller.scope, today=today)
        claim = Claim(
            name=details.name or "",
            resident_number="",
            county=details.county or row.county,
            category="",
            start=None,
            marks=details.marks,
        )
        refuse(faults_of(claim, territory, (county_is_known, county_is_the_callers, marks_exist)))
        if territory.packs[claim.county].pool != row.pool:
            raise InvalidInput("跨统筹区须办理关系转移，不能直接改县区。")

    async def get(self, *, caller: Caller, person_id: UUID) -> PersonView:
        async with self._database.read() as connection:
            return await self.view_of(connection, person_id, caller)

    async def search(self, *, caller: Caller, resident_number: str, today: date) -> Sequence[PersonView]:
        """The persons in scope with a resident number: one in each pool at most."""
        number = ResidentNumber.parse(resident_number, today=today)
        async with self._database.read() as connection:
            rows = await persons.with_numbers(connection, self._identities.candidates(number), caller.scope)
            of = await MERGED.survivors(connection, [row.id for row in rows])
            survivors = {row.id: row for row in await persons.get(connection, list(of.values()), caller.scope)}
            # Who may not see the survivor still sees the record under which the number stands.
            found = {row.id: row for row in (survivors.get(of.get(each.id, each.id), each) for each in rows)}
            return await self._views(connection, [found[each] for each in sorted(found)])

    async def page(self, *, caller: Caller, pool: str, after: UUID | None, limit: int) -> PersonPage:
        async with self._database.read() as connection:
            rows = await persons.page(connection, pool=pool, after=after, limit=limit + 1, scope=caller.scope)
            views = await self._views(connection, rows[:limit])
        return PersonPage(persons=views, next=views[-1].person_id if len(rows) > limit else None)

    async def view_of(self, connection: AsyncConnection, person_id: UUID, caller: Caller) -> PersonView:
        rows = await persons.get(connection, [person_id], caller.scope)
        if not rows:
            raise persons.unknown_person()
        return (await self._views(connection, rows))[0]

    async def _views(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[PersonView]:
        ids = [row.id for row in rows]
        insured = await persons.insurance(connection, ids)
        merged = await MERGED.survivors(connection, ids)
        held = await marks.of_today(connection, ids, today=day_of(self._database.clock.now()))
        return [self._view(row, insured[row.id], merged.get(row.id), held.get(row.id, row)) for row in rows]

    def _view(
        self, row: Row[Any], insured: persons.Insurance, merged_into: UUID | None = None, held: Row[Any] | None = None
    ) -> PersonView:
        """A person; `held` says marks and family account of today where the row may be of another day."""
        held = held if held is not None else row
        identity = self._identities.masked(row)
        return PersonView(
            person_id=row.id,
            pool=row.pool,
            county=row.county,
            name=identity.name,
            resident_number=identity.resident_number,
            phone=identity.phone,
            marks=held.marks,
            family_account=held.family_account,
            died_on=row.died_on,
            revision=row.revision,
            merged_into=merged_into,
            coverage=[
                CoverageView(
                    coverage_id=each.id,
                    category=each.category,
                    start=each.start,
                    end=each.end,
                    of_age_on=each.of_age_on,
                    bases=[
                        BaseView(since=base.since, base_fen=base.base_fen)
                        for base in insured.bases
                        if base.coverage_id == each.id
                    ],
                )
                for each in insured.coverage
            ],
            suspensions=[
                SuspensionView(suspension_id=each.id, start=each.start, end=each.end, reason=each.reason)
                for each in insured.suspensions
            ],
        )
