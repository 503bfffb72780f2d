"""What settlement answers, with every amount in fen and every clause that decided it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.periods import SHANGHAI
from sqlalchemy import Row

from settlement.domain.budget import BudgetStanding, standing
from settlement.domain.steps import OPEN

Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One sentence of a decision, the clause behind it, and whether that is stated, supplied or assumed."""

    code: str
    clause: str
    text: str
    status: str
    parameter: str
    stops_payment: bool
    reading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """A line (结算明细): one item of a visit, or an assessment fee (评估费), whose item is its cause."""

    line_id: UUID
    visit_id: UUID | None
    fee_id: UUID | None
    item: str
    quantity: int
    price_fen: int | None
    at: datetime
    mode: str | None
    status: str
    cost_fen: int
    fund_fen: int | None
    person_fen: int | None
    findings: Sequence[FindingView]


def line_view(row: Found, line_id: UUID) -> LineView:
    """An undecided line has no parts yet."""
    decided = row.status != "undecided"
    return LineView(
        line_id=line_id,
        visit_id=row.visit_id,
        fee_id=row.fee_id,
        item=row.item,
        quantity=row.quantity,
        price_fen=row.price_fen,
        at=row.at.astimezone(SHANGHAI),
        mode=row.mode,
        status=row.status,
        cost_fen=row.cost_fen,
        fund_fen=row.fund_fen if decided else None,
        person_fen=row.person_fen if decided else None,
        findings=[FindingView(**each) for each in row.findings],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """What a statement pays for a person's month: for care, or for assessments.

    An adjustment names the payment that it corrects.
    """

    payment_id: UUID
    person_id: UUID
    month: str
    county: str
    category: str | None
    kind: str
    cost_fen: int
    fund_fen: int
    person_fen: int
    corrects_payment_id: UUID | None
    pack_version: str
    lines: Sequence[LineView]


def payment_view(row: Found, lines: Sequence[Found]) -> PaymentView:
    return PaymentView(
        payment_id=row.id,
        person_id=row.person_id,
        month=row.month,
        county=row.county,
        category=row.category,
        kind=row.kind,
        cost_fen=row.cost_fen,
        fund_fen=row.fund_fen,
        person_fen=row.person_fen,
        corrects_payment_id=row.corrects_payment_id,
        pack_version=row.pack_version,
        lines=[line_view(each, each.line_id) for each in lines],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseView:
    code: str
    clause: str
    parameter: str
    status: str
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementView:
    """A statement (结算单). `payments` and `adjustments` count them; adjustments are among the payments.

    `budget` says what an approved one still waits for before it may be paid. `transfer_id` is that of
    the transfer (拨付) which settled it, alone or with others; `recovery_id` that of the recovery (追回)
    which it stands in.
    """

    statement_id: UUID
    organization_id: UUID
    pool: str
    county: str
    month: str
    status: str
    cost_fen: int
    fund_fen: int
    person_fen: int
    payments: int
    adjustments: int
    to_recover: bool
    pack_version: str
    entered_by: str
    reviewed_by: str | None
    approved_by: str | None
    rejected_by: str | None
    rejection_reason: str | None
    paid_by: str | None
    paid_on: date | None
    transfer_id: UUID | None
    recovery_id: UUID | None
    bank_reference: str | None
    returned_by: str | None
    returned_on: date | None
    return_reference: str | None
    return_reason: str | None
    budget: BudgetStanding | None


def statement_view(row: Found, **changed: Any) -> StatementView:
    told = row._asdict() | changed
    return StatementView(
        statement_id=told["id"],
        to_recover=told["fund_fen"] < 0 and told["status"] in OPEN,
        budget=budget_of(row) if told["status"] == "approved" else None,
        **{
            name: told[name]
            for name in StatementView.__dataclass_fields__
            if name not in {"statement_id", "to_recover", "budget"}
        },
    )


def budget_of(row: Found) -> BudgetStanding:
    """How a statement stands before the budget, as it was told last."""
    return standing(
        pool=row.pool,
        state=row.budget,
        basis=row.budget_basis,
        warned=bool(row.budget_warned),
        short=row.budget_short or (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDetail:
    """A statement with a page of its payments; `next` is the payment after which the next page begins."""

    statement: StatementView
    payments: Sequence[PaymentView]
    adjustments: Sequence[UUID]
    clauses: Sequence[ClauseView]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferView:
    """What a statement's payment would move: it and those that are offset with it, less the deposit."""

    statement_id: UUID
    settles: Sequence[UUID]
    fund_fen: int
    deposit_fen: int
    transfer_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidView:
    """What one bank transfer settled: this statement and those that were offset with it.

    `transfer_fen` is what the bank moved; `deposit_fen` (质量保证金) stayed in the fund.
    """

    statement_id: UUID
    status: str
    payments: int
    transfer_id: UUID
    transfer_fen: int
    deposit_fen: int
    settled: Sequence[UUID]
    bank_reference: str
    paid_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedView:
    """A transfer that the bank sent back (退汇): `returned` are the statements that it had settled."""

    transfer_id: UUID
    payments: int
    transfer_fen: int
    returned: Sequence[UUID]
    bank_reference: str
    returned_on: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """A limit (限额) of a person's period, what is left of it, and the values that it is made of.

    `problem` says which value is missing.
    """

    person_id: UUID
    pool: str
    start: date
    end: date
    limit_fen: int | None
    used_fen: int | None
    left_fen: int | None
    pack_version: str
    problem: dict[str, Any] | None
    findings: Sequence[FindingView]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMonth:
    """A person's month: lines in order of time, sums, and the limit at its end."""

    person_id: UUID
    month: str
    cost_fen: int
    fund_fen: int
    person_fen: int
    undecided: int
    limit: LimitView
    lines: Sequence[LineView]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSum:
    person_id: UUID
    lines: int
    undecided: int
    cost_fen: int
    fund_fen: int
    person_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationMonth:
    """An organisation's month: its sums, and a page of them by person; `statement_id` once it is closed."""

    organization_id: UUID
    pool: str
    county: str
    month: str
    lines: int
    undecided: int
    cost_fen: int
    fund_fen: int
    person_fen: int
    statement_id: UUID | None
    persons: Sequence[PersonSum]
    next: UUID | None
