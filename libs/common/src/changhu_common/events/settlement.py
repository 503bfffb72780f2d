"""What settlement tells: statements decided, and money that the bank confirmed."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.registry import Event, Topic

PAYMENT = Topic("settlement.payment", "person_id", "what was paid for a person's care (拨付)")
STATEMENT = Topic("settlement.statement", "organization_id", "an organisation's monthly statement (结算单)")


class PaymentSettled(Event):
    """The bank paid a statement: one payment for each person and month of service in it.

    `fund_fen` is the fund's money, which the ledger books; `person_fen` is for the record. Where
    `corrects_payment_id` is given the amounts are the exact difference to what was settled before,
    and may be negative.
    """

    TYPE = "payment.settled"
    TOPIC = PAYMENT
    KEY = "person_id"

    payment_id: UUID
    statement_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    category: str
    service_month: str
    fund_fen: int
    person_fen: int
    cost_fen: int
    paid_on: date
    bank_reference: str
    corrects_payment_id: UUID | None = None
    pack_version: str


class PaymentReversed(Event):
    """Money of a settled payment really came back (退回)."""

    TYPE = "payment.reversed"
    TOPIC = PAYMENT
    KEY = "person_id"

    reversal_id: UUID
    payment_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    category: str
    service_month: str
    fund_fen: int
    returned_on: date
    bank_reference: str


class StatementDecision(Event):
    """What was decided of a statement, in fen."""

    TOPIC = STATEMENT
    KEY = "organization_id"

    statement_id: UUID
    organization_id: UUID
    pool: str
    month: str
    fund_fen: int
    person_fen: int
    cost_fen: int
    decided_on: date


class StatementPart(BaseModel):
    """What a statement's payments ask of one county's money of one category, in fen, net of what is taken back.

    `payments` counts those that move the fund's money.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    county: str
    category: str
    fund_fen: int
    payments: int


class StatementApproved(StatementDecision):
    """A statement may be paid as soon as the budget has reserved its `parts`; without parts it asks for nothing."""

    TYPE = "statement.approved"

    parts: tuple[StatementPart, ...] = ()


class StatementRejected(StatementDecision):
    TYPE = "statement.rejected"


SETTLEMENT_EVENTS: tuple[type[Event], ...] = (
    PaymentSettled,
    PaymentReversed,
    StatementApproved,
    StatementRejected,
)
