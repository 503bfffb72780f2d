"""What the provider registry tells of care: plans that a person confirmed, and services delivered."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.provider import ServiceMode
from changhu_common.events.registry import Event, Topic

SERVICE = Topic("care.service", "person_id", "the care that a person was planned and given (护理服务)")


class CarePlanConfirmed(Event):
    """The person confirmed a care plan (护理服务计划) of an organisation."""

    TYPE = "care_plan.confirmed"
    TOPIC = SERVICE
    KEY = "person_id"

    plan_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    revision: int
    mode: ServiceMode
    items: tuple[str, ...]
    start: date
    end: date | None = None


class DeliveredItem(BaseModel):
    """How much of one catalogue item was done."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item: str
    quantity: int


class Service(Event):
    """A visit (服务) as it is known from this revision on: who, where, when, what; never what it costs.

    `visit_id` is made from the organisation and the id that its system gave the visit, so the same
    visit is the same id wherever it is counted.
    """

    TOPIC = SERVICE
    KEY = "person_id"

    visit_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    revision: int
    mode: ServiceMode
    staff_id: UUID
    started_at: datetime
    ended_at: datetime
    items: tuple[DeliveredItem, ...]
    VOID: ClassVar[bool] = False


class ServiceDelivered(Service):
    TYPE = "service.delivered"


class ServiceCorrected(Service):
    """The record of a visit was wrong; this is what happened."""

    TYPE = "service.corrected"


class ServiceVoided(Service):
    """The visit did not take place."""

    TYPE = "service.voided"
    VOID = True


CARE_EVENTS: tuple[type[Event], ...] = (CarePlanConfirmed, ServiceDelivered, ServiceCorrected, ServiceVoided)
