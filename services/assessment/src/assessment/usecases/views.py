"""What assessment answers: applications with their rounds, and conclusions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from changhu_policies import Pack
from changhu_policies.vocabulary import FEE_CAUSES
from sqlalchemy import Row

from assessment.domain.deadlines import deadline
from assessment.domain.fees import FeeStatus
from assessment.domain.steps import State, possible_steps

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationView:
    """An application (申请). `due_on`: by when the next answer is due, or `due_missing` why nobody knows."""

    application_id: UUID
    pool: str
    county: str
    person_id: UUID
    status: str
    status_name: str
    possible: Sequence[str]
    round: int
    applied_on: date
    disabled_since: date
    due_on: date | None
    due_missing: str | None
    accepted_on: date | None
    refused_on: date | None
    refusal_reason: str | None
    organization_id: UUID | None
    publicity_start: date | None
    publicity_ends_on: date | None

    @classmethod
    def of(cls, row: AnyRow, *, pack: Pack, **more: Any) -> Self:
        state = State(row.state)
        due = deadline(state=state, applied_on=row.applied_on, accepted_on=row.accepted_on, pack=pack)
        return cls(
            application_id=row.id,
            pool=row.pool,
            county=row.county,
            person_id=row.whose,
            status=state,
            status_name=state.term,
            possible=possible_steps(state=state, round_=row.round),
            round=row.round,
            applied_on=row.applied_on,
            disabled_since=row.disabled_since,
            due_on=due.due_on,
            due_missing=due.reason,
            accepted_on=row.accepted_on,
            refused_on=row.refused_on,
            refusal_reason=row.refusal_reason,
            organization_id=row.organization_id,
            publicity_start=row.publicity_start,
            publicity_ends_on=row.publicity_ends_on,
            **more,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView:
    """What was found on site (现场评估) and what it comes to; `status` says how firm the scale's table is."""

    application_id: UUID
    round: int
    visited_at: datetime
    guardian_present: bool
    scale: str
    scale_version: str
    scores: Mapping[str, int]
    grade: int
    totals: Mapping[str, int]
    bands: Mapping[str, str]
    reasons: Sequence[str]
    status: str
    pack_version: str

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationView:
    staff_id: UUID
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """The first assessment (round 1) or the review assessment (复评, round 2)."""

    round: int
    organization_id: UUID
    staff_ids: Sequence[UUID]
    assigned_on: date
    visit: VisitView | None
    confirmations: Sequence[ConfirmationView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConclusionView:
    """A conclusion (评估结论); `void` where it was revoked or replaced whole. `level` None: no benefit."""

    conclusion_id: UUID
    application_id: UUID
    person_id: UUID
    pool: str
    revision: int
    scale: str
    scale_version: str
    grade: int
    level: str | None
    start: date
    end: date
    valid_until: date
    void: bool
    disabled_since: date
    published_on: date
    revoked_on: date | None
    pack_version: str

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        named = {name: getattr(row, name) for name in cls.__slots__ if name != "conclusion_id"}
        return cls(conclusion_id=row.id, **named)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeView:
    """A fee (评估费) in fen; while it is undecided, `problems` name what it waits for: parameter, clause and pool."""

    fee_id: UUID
    application_id: UUID
    round: int
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    assessed_on: date
    status: str
    status_name: str
    cause: str | None
    cause_name: str | None
    fee_fen: int | None
    fund_fen: int | None
    person_fen: int | None
    findings: Sequence[Mapping[str, Any]]
    problems: Sequence[Mapping[str, Any]]
    pack_version: str
    revision: int

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        made = {"fee_id", "person_id", "status_name", "cause_name"}
        return cls(
            fee_id=row.id,
            person_id=row.whose,
            status_name=FeeStatus(row.status).term,
            cause_name=FEE_CAUSES.get(row.cause),
            **{name: getattr(row, name) for name in cls.__slots__ if name not in made},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFile(ApplicationView):
    """An application with everything that belongs to it."""

    channel: str | None
    agent: str | None
    rounds: Sequence[RoundView]
    objection_reason: str | None
    conclusions: Sequence[ConclusionView]
    fees: Sequence[FeeView]
