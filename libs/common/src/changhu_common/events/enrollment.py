"""What enrollment tells: who is insured where, what else a person gets, and what the fund received.

A person's events carry the whole insurance state with the person's revision, so whoever keeps the
highest revision is right in whatever order they come.
"""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.registry import Event, Topic

PERSON = Topic("enrollment.person", "person_id", "what happens to an insured person (参保人)")
CONTRIBUTION = Topic("enrollment.contribution", "county", "what the fund received (缴费, 启动资金, 转移资金)")

OtherBenefitKind = Literal["work_injury_care_fee", "disability_subsidy", "elderly_subsidy", "third_party"]


class CoveragePeriod(BaseModel):
    """Days (both included) in which a person was insured in one category (参保类别).

    `recognised_months` were insured in another pool right before, and count as if here.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    coverage_id: UUID
    category: str
    start: date
    end: date | None = None
    recognised_months: int = 0


class SuspendedPeriod(BaseModel):
    """Days (both included) in which benefits are suspended, for arrears (欠费) for example."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: date
    end: date | None = None


class PersonState(Event):
    """A person's insurance as it is known from this revision on."""

    TOPIC = PERSON
    KEY = "person_id"

    person_id: UUID
    pool: str
    county: str
    revision: int
    coverage: tuple[CoveragePeriod, ...]
    suspensions: tuple[SuspendedPeriod, ...] = ()
    died_on: date | None = None


class PersonEnrolled(PersonState):
    """A person was registered in a pool (参保登记)."""

    TYPE = "person.enrolled"


class PersonUpdated(PersonState):
    """A person's category, county or periods changed."""

    TYPE = "person.updated"


class PersonDied(PersonState):
    """A person died; care after that day is not paid."""

    TYPE = "person.died"


class CoverageSuspended(PersonState):
    """A person's benefits are suspended (暂停待遇)."""

    TYPE = "coverage.suspended"


class CoverageResumed(PersonState):
    """A person's benefits go on."""

    TYPE = "coverage.resumed"


class CoverageEnded(PersonState):
    """A person left the insurance (停保)."""

    TYPE = "coverage.ended"


class PersonTransferredIn(PersonState):
    """A person came from another pool (转入) with the months insured there."""

    TYPE = "person.transferred_in"


class PersonTransferredOut(PersonState):
    """A person left for another pool (转出)."""

    TYPE = "person.transferred_out"


class HospitalStay(Event):
    """A stay in hospital (住院) as it is known from this revision on; `end` None while it lasts."""

    TOPIC = PERSON
    KEY = "person_id"

    stay_id: UUID
    person_id: UUID
    pool: str
    revision: int
    start: date
    end: date | None = None
    VOID: ClassVar[bool] = False


class HospitalStayRecorded(HospitalStay):
    TYPE = "hospital_stay.recorded"


class HospitalStayEnded(HospitalStay):
    TYPE = "hospital_stay.ended"


class HospitalStayVoided(HospitalStay):
    """The record was a mistake."""

    TYPE = "hospital_stay.voided"
    VOID = True


class OtherBenefit(Event):
    """A benefit of another scheme or a third party's payment (其他待遇), as known from this revision on."""

    TOPIC = PERSON
    KEY = "person_id"

    benefit_id: UUID
    person_id: UUID
    pool: str
    revision: int
    kind: OtherBenefitKind
    start: date
    end: date | None = None
    VOID: ClassVar[bool] = False


class OtherBenefitRecorded(OtherBenefit):
    TYPE = "other_benefit.recorded"


class OtherBenefitEnded(OtherBenefit):
    TYPE = "other_benefit.ended"


class OtherBenefitVoided(OtherBenefit):
    """The record was a mistake."""

    TYPE = "other_benefit.voided"
    VOID = True


class Hardship(Event):
    """A mark of a person that holds for some days (困难身份), as known from this revision on."""

    TOPIC = PERSON
    KEY = "person_id"

    hardship_id: UUID
    person_id: UUID
    pool: str
    revision: int
    kind: str
    start: date
    end: date | None = None
    VOID: ClassVar[bool] = False


class HardshipRecorded(Hardship):
    TYPE = "hardship.recorded"


class HardshipEnded(Hardship):
    TYPE = "hardship.ended"


class HardshipVoided(Hardship):
    """The record was a mistake."""

    TYPE = "hardship.voided"
    VOID = True


class Merge(Event):
    """Whose a record is (重复登记合并), as known from this revision of the record on.

    It is the merged record's last word, so it stands under that record's key; what the survivor is
    insured for from now on is told under the survivor's. Whoever hears only one of the two is not wrong, only
    not through yet. What others told of the record goes on being told of it.
    """

    TOPIC = PERSON
    KEY = "person_id"

    person_id: UUID
    survivor_id: UUID
    pool: str
    revision: int
    VOID: ClassVar[bool] = False


class PersonMerged(Merge):
    """Two records are of one person: `person_id` is merged into `survivor_id`."""

    TYPE = "person.merged"


class PersonUnmerged(Merge):
    """The merge was a mistake: `person_id` is a person again."""

    TYPE = "person.unmerged"
    VOID = True


class ContributionReceived(Event):
    """Money arrived for one county, category and source of money (payer) and period."""

    TYPE = "contribution.received"
    TOPIC = CONTRIBUTION
    KEY = "county"

    receipt_id: UUID
    pool: str
    county: str
    period: str
    category: str
    payer: str
    amount_fen: int
    received_on: date


class ContributionRefunded(Event):
    """Money went back to a payer (退费) for one county, category and period: what was paid too much."""

    TYPE = "contribution.refunded"
    TOPIC = CONTRIBUTION
    KEY = "county"

    refund_id: UUID
    pool: str
    county: str
    period: str
    category: str
    payer: str
    amount_fen: int
    refunded_on: date


class StartupMoneyReceived(Event):
    """The plan's start-up money (启动资金) arrived; it belongs to the whole pool, so `county` is the pool."""

    TYPE = "startup_money.received"
    TOPIC = CONTRIBUTION
    KEY = "county"

    receipt_id: UUID
    pool: str
    county: str
    payer: str
    amount_fen: int
    received_on: date


class TransferMoney(Event):
    """Money of one transfer between pools (转移资金), in the books of the county where the person was insured."""

    TOPIC = CONTRIBUTION
    KEY = "county"

    money_id: UUID
    pool: str
    county: str
    category: str
    other_pool: str
    amount_fen: int
    bank_reference: str


class TransferMoneyPaid(TransferMoney):
    """Money went along with a person who left for another pool."""

    TYPE = "transfer_money.paid"

    paid_on: date


class TransferMoneyReceived(TransferMoney):
    """Money came with a person from another pool."""

    TYPE = "transfer_money.received"

    received_on: date


class TransferMoneyPaymentReturned(TransferMoney):
    """What was paid came back."""

    TYPE = "transfer_money.payment_returned"

    returned_on: date


class TransferMoneyReceiptReturned(TransferMoney):
    """What was received was sent back."""

    TYPE = "transfer_money.receipt_returned"

    returned_on: date


ENROLLMENT_EVENTS: tuple[type[Event], ...] = (
    PersonEnrolled,
    PersonUpdated,
    PersonDied,
    CoverageSuspended,
    CoverageResumed,
    CoverageEnded,
    PersonTransferredIn,
    PersonTransferredOut,
    HospitalStayRecorded,
    HospitalStayEnded,
    HospitalStayVoided,
    OtherBenefitRecorded,
    OtherBenefitEnded,
    OtherBenefitVoided,
    HardshipRecorded,
    HardshipEnded,
    HardshipVoided,
    PersonMerged,
    PersonUnmerged,
    ContributionReceived,
    ContributionRefunded,
    StartupMoneyReceived,
    TransferMoneyPaid,
    TransferMoneyReceived,
    TransferMoneyPaymentReturned,
    TransferMoneyReceiptReturned,
)
