"""What settlement tells: statements decided, and money that the bank confirmed."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.registry import Event, Topic

# What the money is for: care (护理服务费), or an assessment fee (评估费); the books keep them apart.
PaymentKind = Literal["care", "assessment"]

PAYMENT = Topic("settlement.payment", "person_id", "what was paid for a person's care and assessments (拨付)")
STATEMENT = Topic(
    "settlement.statement", "organization_id", "an organisation's statement (结算单), an insurer's fee (经办服务费)"
)


class PaymentSettled(Event):
    """The bank paid a statement: one payment for each person, month of service and kind of money in it.

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
    kind: PaymentKind = "care"


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
    kind: PaymentKind = "care"


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
    """What a statement's payments of a kind ask of a county's money of a category, in fen, net of what is taken back.

    `payments` counts those that move the fund's money. A part of an insurer's fee (`handling`, told as paid by
    `handling_fee.paid`) is nobody's in particular: its category is `none`, and `scheme` whose money it is, if one's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    county: str
    category: str
    fund_fen: int
    payments: int
    kind: PaymentKind | Literal["handling"] = "care"
    scheme: str | None = None


class StatementApproved(StatementDecision):
    """A statement may be paid as soon as the budget has reserved its `parts`; without parts it asks for nothing."""

    TYPE = "statement.approved"

    parts: tuple[StatementPart, ...] = ()


class StatementRejected(StatementDecision):
    TYPE = "statement.rejected"


class HandlingFeePaid(Event):
    """The bank paid a commissioned insurer's fee (经办服务费): one for each county and scheme that bears a part of it.

    `county` is the pool's own code where no county bears it, `scheme` None where no scheme does. `statement_id` is the
    fee, `period` a year, quarter or month of the agreement (`2026`, `2026-Q3`, `2026-07`). Where
    `corrects_statement_id` is given the amount is the exact difference to what was paid before, and may be negative.
    """

    TYPE = "handling_fee.paid"
    TOPIC = STATEMENT
    KEY = "organization_id"

    payment_id: UUID
    statement_id: UUID
    organization_id: UUID
    pool: str
    county: str
    scheme: str | None = None
    period: str
    fund_fen: int
    paid_on: date
    bank_reference: str
    corrects_statement_id: UUID | None = None
    pack_version: str


class HandlingFeeReversed(Event):
    """The bank sent a paid fee back (退汇): what a county and scheme bore of it is theirs again, in fen."""

    TYPE = "handling_fee.reversed"
    TOPIC = STATEMENT
    KEY = "organization_id"

    reversal_id: UUID
    payment_id: UUID
    statement_id: UUID
    organization_id: UUID
    pool: str
    county: str
    scheme: str | None = None
    period: str
    fund_fen: int
    returned_on: date
    bank_reference: str


class RecoveryDecided(Event):
    """What an organisation owes is to be paid back (追回): its `statements` come to `amount_fen` below zero.

    While it stands they are not offset. `due_on` is the term, where one was set.
    """

    TYPE = "recovery.decided"
    TOPIC = STATEMENT
    KEY = "organization_id"

    recovery_id: UUID
    organization_id: UUID
    pool: str
    statements: tuple[UUID, ...]
    amount_fen: int
    decided_on: date
    due_on: date | None = None


class RecoveryCancelled(Event):
    """A recovery of which nothing came in was taken back; its statements are offset again."""

    TYPE = "recovery.cancelled"
    TOPIC = STATEMENT
    KEY = "organization_id"

    recovery_id: UUID
    organization_id: UUID
    pool: str
    cancelled_on: date


class RecoveryReceived(Event):
    """Money of a recovery came in: what of a receipt belongs to a statement, a county, a category and a kind, in fen.

    Below zero where a part is offset, or a receipt is taken back. `payments` of the statement are settled
    with it, which are told in no `payment.settled` of their own.
    """

    TYPE = "recovery.received"
    TOPIC = STATEMENT
    KEY = "organization_id"

    part_id: UUID
    receipt_id: UUID
    recovery_id: UUID
    statement_id: UUID
    organization_id: UUID
    pool: str
    county: str
    category: str
    fund_fen: int
    payments: int
    received_on: date
    bank_reference: str
    kind: PaymentKind = "care"


class WrittenOff(BaseModel):
    """What of a statement's part of a kind will not come back, in fen; below zero where it was to be offset.

    `payments` of the statement are settled with it, as if all of it had come in.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    statement_id: UUID
    county: str
    category: str
    fund_fen: int
    payments: int
    kind: PaymentKind = "care"


class RecoveryWrittenOff(Event):
    """What is still open of a recovery will not come back (余款核销): `parts` come to `amount_fen`. No money moves."""

    TYPE = "recovery.written_off"
    TOPIC = STATEMENT
    KEY = "organization_id"

    recovery_id: UUID
    organization_id: UUID
    pool: str
    amount_fen: int
    written_off_on: date
    parts: tuple[WrittenOff, ...]


class DepositEvent(Event):
    """Money of an organisation's deposit (质量保证金), in fen, of a county's money of a category and kind."""

    TOPIC = STATEMENT
    KEY = "organization_id"

    organization_id: UUID
    pool: str
    county: str
    category: str
    kind: PaymentKind = "care"
    amount_fen: int


class DepositWithheld(DepositEvent):
    """Of what a transfer settled this stayed in the fund; `payment.settled` tells the whole."""

    TYPE = "deposit.withheld"

    deposit_id: UUID
    statement_id: UUID
    withheld_on: date
    bank_reference: str


class DepositReturned(DepositEvent):
    """What was withheld of a transfer that the bank sent back is no deposit any more."""

    TYPE = "deposit.returned"

    deposit_id: UUID
    returned_on: date
    bank_reference: str


class DepositReleased(DepositEvent):
    """The bank paid a part of a deposit to the organisation (返还), as a decision says."""

    TYPE = "deposit.released"

    part_id: UUID
    decision_id: UUID
    released_on: date
    bank_reference: str


class DepositForfeited(DepositEvent):
    """A part of a deposit is the fund's (扣除), as a decision says."""

    TYPE = "deposit.forfeited"

    part_id: UUID
    decision_id: UUID
    forfeited_on: date


SETTLEMENT_EVENTS: tuple[type[Event], ...] = (
    PaymentSettled,
    PaymentReversed,
    StatementApproved,
    StatementRejected,
    HandlingFeePaid,
    HandlingFeeReversed,
    RecoveryDecided,
    RecoveryCancelled,
    RecoveryReceived,
    RecoveryWrittenOff,
    DepositWithheld,
    DepositReturned,
    DepositReleased,
    DepositForfeited,
)
