"""Persons over HTTP: registration, coverage, suspension, death; enquiry with identities masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from changhu_policies.vocabulary import GUARDIANS
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from enrollment.domain.registration import NAME_CHARACTERS_MAX, BaseNegative, Claim
from enrollment.usecases.coverages import Coverages
from enrollment.usecases.families import NamedGuardian
from enrollment.usecases.persons import PAGE_PERSONS_MAX, Details, PersonPage, Persons, PersonView

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
Reader = Annotated[
    Caller, allow(Role.ENROLLMENT_CLERK, Role.ASSESSMENT_CLERK, Role.REGISTRY_CLERK, Role.AUDITOR, Role.INSURED_PERSON)
]

GuardianRelation = Annotated[str, Field(pattern=rf"^({'|'.join(GUARDIANS)})$")]

TEXT_CHARACTERS_MAX = 500


class Body(BaseModel):
    """What is asked; a field that nobody knows is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewCoverage(Body):
    category: str
    start: date
    end: date | None = None
    base_fen: int | None = None
    guardian_id: UUID | None = None
    guardian_relation: GuardianRelation | None = None

    @property
    def guardian(self) -> NamedGuardian | None:
        """Who is named; InvalidInput where only a relation is."""
        if self.guardian_id is not None:
            return NamedGuardian(self.guardian_id, self.guardian_relation)
        if self.guardian_relation is not None:
            reason = "填写了监护关系的，还须填写监护人"
            raise InvalidInput(f"{reason}。", errors=[FieldError("guardian_id", reason)])
        return None

    @property
    def said(self) -> dict[str, Any]:
        """The coverage with its guardian, as a use case takes it."""
        return {**self.model_dump(exclude={"guardian_id", "guardian_relation"}), "guardian": self.guardian}


class NewPerson(Body):
    name: str
    resident_number: str
    county: str
    phone: str | None = Field(default=None, max_length=40)
    marks: list[str] = Field(default_factory=list)
    coverage: NewCoverage


class PersonDetails(Body):
    name: str | None = Field(default=None, min_length=1, max_length=NAME_CHARACTERS_MAX)
    county: str | None = None
    county_since: date | None = None
    phone: str | None = Field(default=None, max_length=40)
    marks: list[str] | None = None
    marks_since: date | None = None


class NumberSearch(Body):
    resident_number: str


class End(Body):
    end: date


class Base(Body):
    since: str
    base_fen: int


class NewSuspension(Body):
    start: date
    end: date | None = None
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


class Death(Body):
    died_on: date


class Void(Body):
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Found:
    persons: Sequence[PersonView]


def month_of(text: str, field: str) -> Month:
    """A month written as 2026-07."""
    try:
        return Month.parse(text)
    except ValueError:
        raise InvalidInput("月份应写成 2026-07。", errors=[FieldError(field, "月份应写成 2026-07")]) from None


def persons_router(persons: Persons, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["persons"])

    @router.post("/persons", status_code=201)
    async def enroll(caller: Clerk, asked: Asked, body: NewPerson) -> PersonView:
        """Register a person with a first coverage (参保登记)."""
        claim = Claim(
            name=body.name,
            resident_number=body.resident_number,
            county=body.county,
            category=body.coverage.category,
            start=body.coverage.start,
            end=body.coverage.end,
            base_fen=body.coverage.base_fen,
            marks=tuple(body.marks),
            phone=body.phone,
            guarded=body.coverage.guardian_id is not None,
        )
        return await persons.enroll(caller=caller, asked=asked, claim=claim, guardian=body.coverage.guardian)

    @router.post("/persons/search")
    async def search(caller: Reader, body: NumberSearch) -> Found:
        """Find persons by resident number; a question changes nothing, so no key is needed."""
        return Found(await persons.search(caller=caller, resident_number=body.resident_number, today=clock.today()))

    @router.get("/persons")
    async def page(
        caller: Reader,
        pool: str,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_PERSONS_MAX)] = 100,
    ) -> PersonPage:
        """A page of a pool's persons; `next` is the `after` of the one that follows."""
        return await persons.page(caller=caller, pool=pool, after=after, limit=limit)

    @router.get("/persons/{person_id}")
    async def person(caller: Reader, person_id: UUID) -> PersonView:
        return await persons.get(caller=caller, person_id=person_id)

    @router.post("/persons/{person_id}/details")
    async def correct(caller: Clerk, asked: Asked, person_id: UUID, body: PersonDetails) -> PersonView:
        """Correct name, phone or marks, or move the person to another county of the pool.

        The person is of the county from `county_since` (today) on; months before that are charged where he was then.
        With `marks_since` exactly these marks hold from that day on, and what held before stays; without it they
        always did.
        """
        if body.county_since is not None and body.county is None:
            reason = "填写了变更县区的日期的，还须填写自该日起的县区"
            raise InvalidInput(f"{reason}。", errors=[FieldError("county", reason)])
        if body.marks_since is not None and body.marks is None:
            reason = "填写了起始日的，还须填写自该日起的全部人员标识"
            raise InvalidInput(f"{reason}。", errors=[FieldError("marks", reason)])
        details = Details(
            name=body.name,
            county=body.county,
            county_since=body.county_since,
            phone=body.phone,
            marks=None if body.marks is None else tuple(body.marks),
            marks_since=body.marks_since,
        )
        return await persons.correct(caller=caller, asked=asked, person_id=person_id, details=details)

    return router


def coverages_router(coverages: Coverages) -> APIRouter:
    router = APIRouter(tags=["coverage"], prefix="/persons/{person_id}")

    @router.post("/coverage", status_code=201)
    async def add(caller: Clerk, asked: Asked, person_id: UUID, body: NewCoverage) -> PersonView:
        """Insure the person in one more category or period (参保)."""
        return await coverages.add(caller=caller, asked=asked, person_id=person_id, **body.said)

    @router.post("/coverage/{coverage_id}/end")
    async def end(caller: Clerk, asked: Asked, person_id: UUID, coverage_id: UUID, body: End) -> PersonView:
        """End a coverage (停保)."""
        return await coverages.end(
            caller=caller, asked=asked, person_id=person_id, coverage_id=coverage_id, end=body.end
        )

    @router.post("/coverage/{coverage_id}/base")
    async def set_base(caller: Clerk, asked: Asked, person_id: UUID, coverage_id: UUID, body: Base) -> PersonView:
        """Set the contribution base (缴费基数) from a month on."""
        if body.base_fen < 0:
            raise BaseNegative("缴费基数不能为负数。", errors=[FieldError("base_fen", "缴费基数不能为负数")])
        return await coverages.set_base(
            caller=caller,
            asked=asked,
            person_id=person_id,
            coverage_id=coverage_id,
            since=month_of(body.since, "since"),
            base_fen=body.base_fen,
        )

    @router.post("/suspensions", status_code=201)
    async def suspend(caller: Clerk, asked: Asked, person_id: UUID, body: NewSuspension) -> PersonView:
        """Suspend the person's benefits (暂停待遇)."""
        return await coverages.suspend(caller=caller, asked=asked, person_id=person_id, **body.model_dump())

    @router.post("/suspensions/{suspension_id}/end")
    async def resume(caller: Clerk, asked: Asked, person_id: UUID, suspension_id: UUID, body: End) -> PersonView:
        """Let the person's benefits go on after a day."""
        return await coverages.resume(
            caller=caller, asked=asked, person_id=person_id, suspension_id=suspension_id, end=body.end
        )

    @router.post("/death")
    async def die(caller: Clerk, asked: Asked, person_id: UUID, body: Death) -> PersonView:
        """Register the person's death."""
        return await coverages.die(caller=caller, asked=asked, person_id=person_id, died_on=body.died_on)

    @router.post("/death/void")
    async def live(caller: Clerk, asked: Asked, person_id: UUID, body: Void) -> PersonView:
        """Take back a death that was registered by mistake."""
        return await coverages.live(caller=caller, asked=asked, person_id=person_id, reason=body.reason)

    @router.post("/coverage/{coverage_id}/void")
    async def void(caller: Clerk, asked: Asked, person_id: UUID, coverage_id: UUID, body: Void) -> PersonView:
        """Take out a coverage that should never have been (参保撤销)."""
        return await coverages.void(
            caller=caller, asked=asked, person_id=person_id, coverage_id=coverage_id, reason=body.reason
        )

    @router.post("/suspensions/{suspension_id}/void")
    async def void_suspension(
        caller: Clerk, asked: Asked, person_id: UUID, suspension_id: UUID, body: Void
    ) -> PersonView:
        """Take out a suspension that should never have been."""
        return await coverages.void_suspension(
            caller=caller, asked=asked, person_id=person_id, suspension_id=suspension_id, reason=body.reason
        )

    return router
