"""What the provider registry tells of organisations: agreements, prices, staff."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.registry import Event, Topic

ORGANIZATION = Topic("provider.organization", "organization_id", "what happens to a designated organisation (定点机构)")

OrganizationKind = Literal["care_provider", "assessment_organization"]
ServiceMode = Literal["home", "community", "institution"]
StaffRole = Literal["caregiver", "assessor", "expert"]


class AgreementState(Event):
    """An agreement (协议) as it is known from this revision on; `suspensions` are days without effect."""

    TOPIC = ORGANIZATION
    KEY = "organization_id"

    agreement_id: UUID
    organization_id: UUID
    pool: str
    county: str
    kind: OrganizationKind
    name: str
    revision: int
    modes: tuple[ServiceMode, ...]
    start: date
    end: date | None = None
    suspensions: tuple["AgreementSuspension", ...] = ()


class AgreementSuspension(BaseModel):
    """Days (both included) in which an agreement is suspended (中止)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: date
    end: date | None = None


class ProviderDesignated(AgreementState):
    """An organisation has an agreement."""

    TYPE = "provider.designated"


class ProviderSuspended(AgreementState):
    TYPE = "provider.suspended"


class ProviderResumed(AgreementState):
    TYPE = "provider.resumed"


class ProviderTerminated(AgreementState):
    """The agreement ends (解除); `end` is its last day."""

    TYPE = "provider.terminated"


class Price(BaseModel):
    """What one unit of an item costs on the days of the range, in fen."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item: str
    price_fen: int
    start: date
    end: date | None = None


class PricesPublished(Event):
    """An organisation's whole price list (价格公示), as it is known from this revision on."""

    TYPE = "provider.prices_published"
    TOPIC = ORGANIZATION
    KEY = "organization_id"

    organization_id: UUID
    pool: str
    revision: int
    prices: tuple[Price, ...]


class StaffState(Event):
    """A member of an organisation's staff and what they may do.

    `account` is the subject of the tokens they log in with; `person_id` their own where they are insured here.
    """

    TOPIC = ORGANIZATION
    KEY = "organization_id"

    staff_id: UUID
    organization_id: UUID
    pool: str
    revision: int
    roles: tuple[StaffRole, ...]
    account: str
    person_id: UUID | None = None
    start: date
    end: date | None = None


class StaffRegistered(StaffState):
    TYPE = "staff.registered"


class StaffReleased(StaffState):
    """The person no longer serves the organisation after `end`."""

    TYPE = "staff.released"


PROVIDER_EVENTS: tuple[type[Event], ...] = (
    ProviderDesignated,
    ProviderSuspended,
    ProviderResumed,
    ProviderTerminated,
    PricesPublished,
    StaffRegistered,
    StaffReleased,
)
