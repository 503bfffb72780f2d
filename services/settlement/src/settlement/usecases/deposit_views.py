"""What is answered of deposits: what stands of each year, what moved, and what was decided, in fen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.periods import SHANGHAI
from sqlalchemy import Row

Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositYear:
    """What was withheld in a year, what became of it, and what stands.

    `returned_fen` went with transfers that the bank sent back. What had been drawn of those is taken off other
    deposits (`offset_fen`, below zero where it was made up for), or `owed_fen` until something stands.
    """

    year: int
    withheld_fen: int
    returned_fen: int
    released_fen: int
    forfeited_fen: int
    offset_fen: int
    open_fen: int
    owed_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositStanding:
    """An organisation's deposit (质量保证金余额)."""

    organization_id: UUID
    pool: str
    open_fen: int
    owed_fen: int
    years: Sequence[DepositYear]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositMove:
    """One thing that happened to a deposit: `withheld`, `release`, `forfeiture`, `return` or `offset`.

    It is below zero where the deposit fell. `cause_id` is the statement, the decision, or the transfer that came
    back; of an offset, what it came with.
    """

    move_id: UUID
    cause: str
    cause_id: UUID
    statement_id: UUID
    county: str
    category: str
    kind: str
    year: int
    amount_fen: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositHistory:
    """A page of what happened, newest first; `next` is the one after which the next page begins."""

    moves: Sequence[DepositMove]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositDecisionView:
    """What was decided of a year's deposit after the evaluation (保证金处理)."""

    decision_id: UUID
    organization_id: UUID
    pool: str
    outcome: str
    year: int
    amount_fen: int
    reason: str
    status: str
    entered_by: str
    approved_by: str | None
    rejected_by: str | None
    rejection_reason: str | None
    paid_by: str | None
    paid_on: date | None
    bank_reference: str | None


def year_view(row: Found) -> DepositYear:
    return DepositYear(**row._asdict())


def move_view(row: Found) -> DepositMove:
    told = row._asdict()
    return DepositMove(move_id=told.pop("id"), recorded_at=told.pop("recorded_at").astimezone(SHANGHAI), **told)


def decision_view(row: Found) -> DepositDecisionView:
    told = row._asdict()
    fields = DepositDecisionView.__dataclass_fields__.keys() - {"decision_id"}
    return DepositDecisionView(decision_id=told["id"], **{name: told[name] for name in fields})
