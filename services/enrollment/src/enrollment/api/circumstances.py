"""Other benefits and hospital stays over HTTP: recorded on a person, ended and voided by their own id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.events.enrollment import OtherBenefitKind
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from changhu_policies.vocabulary import MARKS
from fastapi import APIRouter
from pydantic import Field

from enrollment.api.persons import TEXT_CHARACTERS_MAX, Body, End, Reader, Void
from enrollment.usecases.circumstances import BenefitView, Circumstances, HardshipView, StayView

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
Mark = Annotated[str, Field(pattern=rf"^({'|'.join(MARKS)})$")]
Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]


class NewBenefit(Body):
    kind: OtherBenefitKind
    start: date
    end: date | None = None
    reference: Text = ""


class NewHardship(Body):
    kind: Mark
    start: date
    end: date | None = None
    reference: Text = ""


class NewStay(Body):
    start: date
    end: date | None = None
    reference: Text = ""


@dataclass(frozen=True, slots=True)
class Benefits:
    benefits: Sequence[BenefitView]


@dataclass(frozen=True, slots=True)
class Hardships:
    hardships: Sequence[HardshipView]


@dataclass(frozen=True, slots=True)
class Stays:
    stays: Sequence[StayView]


def circumstances_router(
    benefits: Circumstances[BenefitView], stays: Circumstances[StayView], hardships: Circumstances[HardshipView]
) -> APIRouter:
    router = APIRouter(tags=["circumstances"])

    @router.post("/persons/{person_id}/other-benefits", status_code=201)
    async def record_benefit(caller: Clerk, asked: Asked, person_id: UUID, body: NewBenefit) -> BenefitView:
        """Record a benefit of another scheme or a third party's payment (其他待遇)."""
        return await benefits.record(caller=caller, asked=asked, person_id=person_id, **body.model_dump())

    @router.get("/persons/{person_id}/other-benefits")
    async def benefits_of(caller: Reader, person_id: UUID) -> Benefits:
        return Benefits(await benefits.of_person(caller=caller, person_id=person_id))

    @router.post("/other-benefits/{benefit_id}/end")
    async def end_benefit(caller: Clerk, asked: Asked, benefit_id: UUID, body: End) -> BenefitView:
        return await benefits.end(caller=caller, asked=asked, circumstance_id=benefit_id, end=body.end)

    @router.post("/other-benefits/{benefit_id}/void")
    async def void_benefit(caller: Clerk, asked: Asked, benefit_id: UUID, body: Void) -> BenefitView:
        return await benefits.void(caller=caller, asked=asked, circumstance_id=benefit_id, reason=body.reason)

    @router.post("/persons/{person_id}/hospital-stays", status_code=201)
    async def record_stay(caller: Clerk, asked: Asked, person_id: UUID, body: NewStay) -> StayView:
        """Record a stay in hospital (住院)."""
        return await stays.record(caller=caller, asked=asked, person_id=person_id, kind=None, **body.model_dump())

    @router.get("/persons/{person_id}/hospital-stays")
    async def stays_of(caller: Reader, person_id: UUID) -> Stays:
        return Stays(await stays.of_person(caller=caller, person_id=person_id))

    @router.post("/hospital-stays/{stay_id}/end")
    async def end_stay(caller: Clerk, asked: Asked, stay_id: UUID, body: End) -> StayView:
        return await stays.end(caller=caller, asked=asked, circumstance_id=stay_id, end=body.end)

    @router.post("/hospital-stays/{stay_id}/void")
    async def void_stay(caller: Clerk, asked: Asked, stay_id: UUID, body: Void) -> StayView:
        return await stays.void(caller=caller, asked=asked, circumstance_id=stay_id, reason=body.reason)

    @router.post("/persons/{person_id}/hardships", status_code=201)
    async def record_hardship(caller: Clerk, asked: Asked, person_id: UUID, body: NewHardship) -> HardshipView:
        """Record a mark that holds for some days (困难身份)."""
        return await hardships.record(caller=caller, asked=asked, person_id=person_id, **body.model_dump())

    @router.get("/persons/{person_id}/hardships")
    async def hardships_of(caller: Reader, person_id: UUID) -> Hardships:
        return Hardships(await hardships.of_person(caller=caller, person_id=person_id))

    @router.post("/hardships/{hardship_id}/end")
    async def end_hardship(caller: Clerk, asked: Asked, hardship_id: UUID, body: End) -> HardshipView:
        return await hardships.end(caller=caller, asked=asked, circumstance_id=hardship_id, end=body.end)

    @router.post("/hardships/{hardship_id}/void")
    async def void_hardship(caller: Clerk, asked: Asked, hardship_id: UUID, body: Void) -> HardshipView:
        return await hardships.void(caller=caller, asked=asked, circumstance_id=hardship_id, reason=body.reason)

    return router
