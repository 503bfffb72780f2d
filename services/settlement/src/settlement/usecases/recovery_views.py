"""What is answered of a recovery: what is owed, what came in and what is open, in fen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.periods import day_of
from sqlalchemy import Row

from settlement.domain.recovery import Part, open_fen, overdue_days

Found = Row[*tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryView:
    """A recovery (追回). `due_on` is the term, where one was set, and `overdue_days` count from it.

    A cancellation that was rejected is asked no longer; who rejected it and why stands until one is asked again.
    What was owed came in, was written off (`written_off_fen`) or is open; `write_off_fen` was asked to be written off.
    """

    recovery_id: UUID
    organization_id: UUID
    pool: str
    county: str
    status: str
    statements: Sequence[UUID]
    amount_fen: int
    received_fen: int
    written_off_fen: int
    open_fen: int
    reason: str
    due_on: date | None
    overdue_days: int
    decided_on: date | None
    entered_by: str
    approved_by: str | None
    rejected_by: str | None
    rejection_reason: str | None
    cancellation_asked_by: str | None
    cancellation_reason: str | None
    cancellation_rejected_by: str | None
    cancellation_rejection_reason: str | None
    cancelled_by: str | None
    write_off_asked_by: str | None
    write_off_reason: str | None
    write_off_fen: int | None
    written_off_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """Money of a recovery that came in (到账); a reversal is below zero and names what it takes back."""

    receipt_id: UUID
    amount_fen: int
    received_on: date
    bank_reference: str
    recorded_by: str
    reverses: UUID | None
    reversed_by: UUID | None
    reversal_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryDetail:
    """A recovery with its parts, by statement, county and category, and its receipts in order."""

    recovery: RecoveryView
    parts: Sequence[Part]
    receipts: Sequence[ReceiptView]


def recovery_view(row: Found, parts: Sequence[Part], *, today: date) -> RecoveryView:
    told = row._asdict()
    written_off_fen = told["write_off_fen"] if told["status"] == "written_off" else 0
    derived = {
        "recovery_id": told["id"],
        "statements": sorted({each.statement_id for each in parts}),
        "received_fen": sum(each.received_fen for each in parts),
        "written_off_fen": written_off_fen,
        "open_fen": open_fen(parts) - written_off_fen,
        "overdue_days": overdue_days(status=told["status"], due_on=told["due_on"], today=today),
        "decided_on": day_of(told["approved_at"]) if told["approved_at"] else None,
    }
    return RecoveryView(**derived, **{name: told[name] for name in RecoveryView.__dataclass_fields__.keys() - derived})


def receipt_view(row: Found) -> ReceiptView:
    told = row._asdict()
    renamed = {"receipt_id": told["id"], "reverses": told["reverses_id"]}
    return ReceiptView(**renamed, **{name: told[name] for name in ReceiptView.__dataclass_fields__.keys() - renamed})
