"""What an assessment costs, and who pays it, follows from the person's conclusions and the pack alone.

Each round of an application that was concluded has one fee (评估费). Its cause (评估事由) says what it costs
(`assessment.fee_fen`) and what the fund bears of it (`assessment.fee_fund_share`). What the pack leaves open
leaves the fee undecided (待定), and never the conclusion. A conclusion that was revoked leaves no fee.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from changhu_common.errors import Refusal
from changhu_common.events.assessment import FeeFinding
from changhu_common.money import round_half_up, yuan
from changhu_policies import Pack, PolicyMissing, PolicyNotInForce, Value
from changhu_policies.vocabulary import FEE_CAUSES

from assessment.domain.steps import REVIEW_ROUND


class FeeStatus(StrEnum):
    """Whether a fee is owed."""

    term: str
    """The status's name in Chinese."""

    def __new__(cls, code: str, term: str = "") -> "FeeStatus":
        status = str.__new__(cls, code)
        status._value_ = code
        status.term = term
        return status

    DUE = "due", "应付"
    UNDECIDED = "undecided", "待定"
    VOID = "void", "不付"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One round of an application: who assessed the person, where and when."""

    round: int
    organization_id: UUID
    county: str
    assessed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an application came to by its last conclusion that stands; `passed`: it reaches a benefit level."""

    applied_on: date
    passed: bool
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fee in fen, with the values that it rests on, or what it waits for (`problems`)."""

    status: FeeStatus
    cause: str | None = None
    fee_fen: int | None = None
    fund_fen: int | None = None
    person_fen: int | None = None
    findings: tuple[FeeFinding, ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()


NO_FEE = Fee(status=FeeStatus.VOID)


def fee_of(*, pack: Pack, assessed: Assessed, outcome: Outcome | None, earlier: Sequence[Outcome]) -> Fee:
    """Decide a round's fee by what its application and the person's `earlier` ones came to, in their order.

    The fund's part is rounded half up to the fen and the person pays the rest.
    """
    if outcome is None:
        return NO_FEE
    asked = _Asked()
    cause = asked.cause(pack, assessed, outcome, earlier)
    if cause is None:
        return asked.undecided(cause)
    on = assessed.assessed_on
    amount = asked.value(
        lambda: pack.value("assessment.fee_fen", on=on, county=assessed.county, cause=cause),
        lambda value: ("fee_amount", f"评估费每次{yuan(value.value)}元"),
    )
    if amount is not None and amount.value == 0:
        return asked.due(cause, fee_fen=0, fund_fen=0)
    share = asked.value(
        lambda: pack.value("assessment.fee_fund_share", on=on, cause=cause),
        lambda value: ("fee_share", f"{FEE_CAUSES[cause]}，基金负担{value.written}"),
    )
    if amount is None or share is None:
        return asked.undecided(cause)
    return asked.due(cause, fee_fen=amount.value, fund_fen=round_half_up(amount.value * share.value))


class _Asked:
    """What the pack was asked for one fee, and what it answered."""

    def __init__(self) -> None:
        self._findings: list[FeeFinding] = []
        self._problems: list[Mapping[str, Any]] = []

    def value(self, ask: Callable[[], Value], said: Callable[[Value], tuple[str, str]]) -> Value | None:
        """A value of the pack, kept as a finding; None, kept as a problem, where the pack leaves it open."""
        try:
            value = ask()
        except (PolicyMissing, PolicyNotInForce) as wanting:
            self._problems.append(_problem(wanting))
            return None
        code, text = said(value)
        self._findings.append(
            FeeFinding(
                code=code,
                clause=value.clause,
                text=text,
                status=value.status,
                parameter=value.parameter,
                reading=value.remark,
            )
        )
        return value

    def cause(self, pack: Pack, assessed: Assessed, outcome: Outcome, earlier: Sequence[Outcome]) -> str | None:
        """Why the person was assessed, and how it ended; None where the pack does not say which it is.

        Whoever has passed before is assessed again: periodically from `assessment.periodic_days` (days) before the
        last conclusion's validity ends, else on request. A review (复评) after an objection is always that.
        """
        if assessed.round == REVIEW_ROUND:
            return "disputed"
        if not any(each.passed for each in earlier):
            passed = "passed_later" if earlier else "first_passed"
            return passed if outcome.passed else "failed"
        last = earlier[-1]
        days_left = (last.valid_until - outcome.applied_on).days
        if not last.passed:
            return "requested"
        if days_left < 0:
            return "periodic"
        ahead = self.value(
            lambda: pack.value("assessment.periodic_days", on=outcome.applied_on),
            lambda value: (
                "fee_periodic",
                f"原结论有效期至{last.valid_until.isoformat()}，期满前{value.value}日内申请的为定期复评",
            ),
        )
        if ahead is None:
            return None
        return "periodic" if days_left <= ahead.value else "requested"

    def due(self, cause: str, *, fee_fen: int, fund_fen: int) -> Fee:
        return Fee(
            status=FeeStatus.DUE,
            cause=cause,
            fee_fen=fee_fen,
            fund_fen=fund_fen,
            person_fen=fee_fen - fund_fen,
            findings=tuple(self._findings),
        )

    def undecided(self, cause: str | None) -> Fee:
        return Fee(
            status=FeeStatus.UNDECIDED,
            cause=cause,
            findings=tuple(self._findings),
            problems=tuple(self._problems),
        )


def _problem(wanting: Refusal) -> dict[str, Any]:
    """What a fee waits for, as it is stored and shown."""
    return {"code": wanting.code, "detail": wanting.detail, **wanting.members}
