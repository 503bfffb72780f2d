"""What is answered of an insurer's fee: how it was counted, by which clause, who bears it, how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from settlement.domain.budget import BudgetStanding
from settlement.usecases.views import FindingView, budget_of

Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """What one county's and scheme's money bears: of the period (`due_fen`), and by this fee (`fund_fen`)."""

    county: str
    scheme: str | None
    basis: int | None
    due_fen: int
    fund_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlingFeeView:
    """A fee (经办服务费). `due_fen` is what the period comes to, `fund_fen` what this fee moves of it."""

    fee_id: UUID
    pool: str
    organization_id: UUID
    insurer_code: str
    insurer_name: str
    agreement: str
    period: str
    start: date
    end: date
    method: str
    rate: str
    basis_name: str | None
    basis_source: str | None
    performance: str | None
    deduction: str | None
    due_fen: int
    fund_fen: int
    computation: str
    finding: FindingView
    corrects_id: UUID | None
    correction_reason: str | None
    pack_version: str
    status: str
    entered_by: str
    reviewed_by: str | None
    approved_by: str | None
    rejected_by: str | None
    rejection_reason: str | None
    paid_by: str | None
    paid_on: date | None
    bank_reference: str | None
    returned_by: str | None
    returned_on: date | None
    return_reference: str | None
    return_reason: str | None
    budget: BudgetStanding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlingFeeDetail:
    """A fee with who bears it, and the fee that corrects it where there is one."""

    fee: HandlingFeeView
    parts: Sequence[PartView]
    corrected_by: UUID | None


def fee_view(row: Found, **changed: Any) -> HandlingFeeView:
    told = row._asdict() | changed
    made = {
        "fee_id": told["id"],
        "finding": FindingView(**told["finding"]),
        "budget": budget_of(row) if told["status"] == "approved" else None,
    }
    names = HandlingFeeView.__dataclass_fields__.keys() - made.keys()
    return HandlingFeeView(**made, **{name: told[name] for name in names})


def fee_detail(row: Found, parts: Sequence[Found], corrected_by: UUID | None) -> HandlingFeeDetail:
    bears = [
        PartView(
            county=each.county,
            scheme=each.scheme or None,
            basis=each.basis,
            due_fen=each.due_fen,
            fund_fen=each.fund_fen,
        )
        for each in parts
    ]
    return HandlingFeeDetail(fee=fee_view(row), parts=bears, corrected_by=corrected_by)
