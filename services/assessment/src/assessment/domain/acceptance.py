"""Who applies is accepted when insured, alive, and disabled for as long as the pack asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from changhu_common.errors import Conflict, Refusal
from changhu_common.periods import DateRange, months_after
from changhu_policies import Value

from assessment.domain.findings import Finding, Findings, Rule


class PersonUnknown(Conflict):
    """Enrollment's news of the person has not arrived; it may be on its way."""

    code = "person.unknown"
    title = "尚未收到参保信息"


class ApplicationOpen(Conflict):
    """A person applies once at a time."""

    code = "application.open"
    title = "已有未办结的申请"


class OnsetAhead(Refusal):
    """Nobody is disabled since a day that has not come."""

    code = "application.onset_ahead"
    title = "失能起始日期有误"


class NotAcceptable(Findings):
    """The conditions of an application are not met."""

    code = "application.not_acceptable"
    title = "不符合受理条件"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """What acceptance is decided from. `months_min` is the pack's `assessment.disabled_months_min`."""

    coverage: Sequence[DateRange]
    died_on: date | None
    disabled_since: date
    applied_on: date
    months_min: Value
    insured: Value
    on: date


def insured_on_the_day(applicant: Applicant) -> Finding | None:
    """Only who is insured on the day of acceptance is assessed."""
    if any(applicant.on in days for days in applicant.coverage):
        return None
    return Finding("person.not_insured", f"申请人在{applicant.on.isoformat()}未参保", applicant.insured.clause)


def alive(applicant: Applicant) -> Finding | None:
    if applicant.died_on is None:
        return None
    return Finding("person.died", "申请人已死亡")


def disabled_long_enough(applicant: Applicant) -> Finding | None:
    """The disability lasted for some months before the application."""
    months = applicant.months_min
    if months_after(applicant.disabled_since, months.value) <= applicant.applied_on:
        return None
    return Finding("application.disabled_too_short", f"至申请日失能不满{months.value}个月", months.clause)


ACCEPTANCE_RULES: Final[tuple[Rule[Applicant], ...]] = (insured_on_the_day, alive, disabled_long_enough)
