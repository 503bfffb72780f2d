"""An assessment fee is a fact that settlement pays and does not decide: its line says what was told, by which values.

It is money of the day on which the person was assessed, in the category of that day, and uses nothing of a limit.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.ids import named_id
from changhu_common.periods import Month, midnight

from settlement.domain.counting import category_on, stored
from settlement.domain.facts import Facts
from settlement.domain.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What an assessment cost (评估费), in fen, for the organisation that assessed; `cause` as the pack names it."""

    fee_id: UUID
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    cause: str
    assessed_on: date
    fee_fen: int
    fund_fen: int
    person_fen: int
    findings: tuple[Finding, ...]
    pack_version: str


def fee_line(fee: Fee, *, county: str | None, facts: Facts) -> dict[str, Any]:
    """A fee's line as it is stored; with another organisation it is another line, and what the first had comes back."""
    row = {
        "id": named_id("settlement.line", fee.fee_id, fee.organization_id),
        "visit_id": None,
        "fee_id": fee.fee_id,
        "item": fee.cause,
        "quantity": 1,
        "price_fen": fee.fee_fen,
        "person_id": fee.person_id,
        "organization_id": fee.organization_id,
        "pool": fee.pool,
        "county": county or fee.county,
        "category": category_on(facts.coverage, fee.assessed_on),
        "month": str(Month.of(fee.assessed_on)),
        "at": midnight(fee.assessed_on),
        "mode": None,
        "status": "paid" if fee.fund_fen else "not_paid",
        "cost_fen": fee.fee_fen,
        "fund_fen": fee.fund_fen,
        "person_fen": fee.person_fen,
        "used_fen": 0,
        "pack_version": fee.pack_version,
    }
    return stored(row, fee.findings)
