"""Visits over HTTP: one, many, corrected, voided, read."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.errors import FieldError, InvalidInput, Refusal
from changhu_common.events.provider import ServiceMode
from changhu_common.periods import Month
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field, StrictInt, ValidationError, WithJsonSchema

from provider_registry.api.bodies import Body, Line, Moment, Page, Reason
from provider_registry.domain.visit import BATCH_VISITS_MAX, VISIT_ITEMS_MAX, Place, Visit
from provider_registry.usecases.visit_reading import VisitReading, VisitView
from provider_registry.usecases.visits import BatchAnswer, Sent, VisitAnswer, Visits

SHOWN_CHARACTERS_MAX = 200  # of what a caller sent and gets back; no good id or field is longer

Recorder = Annotated[Caller, allow(Role.CAREGIVER, Role.PROVIDER_STAFF)]
Reader = Annotated[Caller, allow(Role.CAREGIVER, Role.PROVIDER_STAFF, Role.REGISTRY_CLERK, Role.AUDITOR)]


class PlaceBody(Body):
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    address: Line | None = None

    def place(self) -> Place:
        return Place(latitude=self.latitude, longitude=self.longitude, address=self.address)


class CheckBody(Body):
    at: Moment
    place: PlaceBody


class ItemBody(Body):
    item: Line
    # How much is a rule of the visit; here it only has to be a number that can be stored.
    quantity: Annotated[StrictInt, Field(ge=-(2**31), lt=2**31)]


class VisitBody(Body):
    visit: Line
    organization_id: UUID
    person_id: UUID
    mode: ServiceMode
    staff_id: UUID
    check_in: CheckBody
    check_out: CheckBody
    items: Annotated[list[ItemBody], Field(max_length=VISIT_ITEMS_MAX)]

    def read(self) -> Visit:
        return Visit(
            organization_id=self.organization_id,
            reference=self.visit,
            person_id=self.person_id,
            mode=self.mode,
            staff_id=self.staff_id,
            started_at=self.check_in.at,
            ended_at=self.check_out.at,
            check_in_place=self.check_in.place.place(),
            check_out_place=self.check_out.place.place(),
            items=tuple((each.item, each.quantity) for each in self.items),
        )


class CorrectionBody(VisitBody):
    reason: Line


# Read one by one, so that a visit that cannot be read is answered by its index like any other bad one.
AnyVisit = Annotated[Any, WithJsonSchema(VisitBody.model_json_schema())]


class BatchBody(Body):
    visits: Annotated[list[AnyVisit], Field(min_length=1, max_length=BATCH_VISITS_MAX)]


def visits_router(visits: Visits, reading: VisitReading) -> APIRouter:
    router = APIRouter(tags=["visits"])

    @router.post("/visits", status_code=201)
    async def record(caller: Recorder, asked: Asked, body: VisitBody) -> VisitAnswer:
        """Record a visit (服务记录); the same again is "known"."""
        return await visits.record(asked=asked, caller=caller, visit=body.read())

    @router.post("/visits/batch", status_code=201)
    async def record_batch(caller: Recorder, asked: Asked, body: BatchBody) -> BatchAnswer:
        """Record many visits at once; the bad ones are answered by index."""
        return await visits.record_batch(asked=asked, caller=caller, sent=[_sent(each) for each in body.visits])

    @router.post("/visits/{visit_id}/correction")
    async def correct(caller: Recorder, asked: Asked, visit_id: UUID, body: CorrectionBody) -> VisitAnswer:
        """Correct (更正) a visit: the whole visit as it was, and why it is corrected."""
        return await visits.correct(
            asked=asked, caller=caller, visit_id=visit_id, corrected=body.read(), reason=body.reason
        )

    @router.post("/visits/{visit_id}/void")
    async def void(caller: Recorder, asked: Asked, visit_id: UUID, body: Reason) -> VisitAnswer:
        """Void (作废) a visit that did not take place."""
        return await visits.void(asked=asked, caller=caller, visit_id=visit_id, reason=body.reason)

    @router.get("/visits")
    async def of_month(
        caller: Reader, organization_id: UUID, month: str, after: UUID | None = None, limit: Page = 1000
    ) -> list[VisitView]:
        """An organisation's visits of a month in order of time; `after` is the last one of the page before."""
        return await reading.of_month(
            caller=caller, organization_id=organization_id, month=_month(month), after=after, limit=limit
        )

    @router.get("/visits/{visit_id}")
    async def of_id(caller: Reader, visit_id: UUID) -> VisitView:
        return await reading.of_id(caller=caller, visit_id=visit_id)

    return router


def _sent(said: Any) -> Sent:
    reference = said.get("visit") if isinstance(said, Mapping) else None
    read: Visit | Refusal
    try:
        read = VisitBody.model_validate(said).read()
    except ValidationError as invalid:
        errors = [FieldError(_shown(".".join(map(str, each["loc"]))), each["msg"]) for each in invalid.errors()]
        read = InvalidInput("服务记录不符合要求, 请按 errors 中的字段逐项改正。", errors=errors)
    return Sent(reference=_shown(reference) if isinstance(reference, str) else None, visit=read)


def _shown(text: str) -> str:
    """What somebody sent, as it can be stored and shown: no control characters, no halves of characters."""
    return "".join(each if each.isprintable() else "?" for each in text[:SHOWN_CHARACTERS_MAX])


def _month(text: str) -> Month:
    try:
        month = Month.parse(text)
        month.plus(1)
    except ValueError as error:
        raise InvalidInput("月份写作 2026-07。", errors=[FieldError("month", "不是月份")]) from error
    return month
