"""Two different registered experts without an interest confirm what was found on site.

They are experts of the organisation that was there or of another assessment organisation of the pool;
whoever entered the scores does not confirm them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from changhu_common.errors import Conflict, Refusal

from assessment.domain.assignment import Interests, Member
from assessment.domain.findings import Finding, Findings, Rule

CONFIRMATIONS_MIN: Final = 2


class NotAssigned(Refusal):
    """Only who was assigned assesses."""

    code = "visit.not_assigned"
    title = "不是指派的评估人员"


class StaffReleased(Refusal):
    """Who has left the organisation no longer assesses for it."""

    code = "visit.staff_released"
    title = "评估人员已离职"


class VisitMistimed(Refusal):
    """A visit takes place after it was assigned and before it is recorded."""

    code = "visit.mistimed"
    title = "现场评估时间有误"


class ConfirmedBefore(Conflict):
    """One expert's confirmation counts once."""

    code = "confirmation.twice"
    title = "已经确认过"


class ConfirmationRefused(Findings):
    """This account may not confirm this conclusion."""

    code = "confirmation.refused"
    title = "不能确认"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming:
    """Who wants to confirm: the account's registrations as an expert of the pool on the day."""

    experts: Sequence[Member]
    interests: Interests


def is_a_registered_expert(confirming: Confirming) -> Finding | None:
    if confirming.experts:
        return None
    return Finding("confirmation.not_an_expert", "当日不是本统筹区登记的评估专家")


def has_no_interest(confirming: Confirming) -> Finding | None:
    interests = confirming.interests
    if not any(
        expert.person_id == interests.person_id or interests.is_close_to(expert) or expert.serves & interests.carers
        for expert in confirming.experts
    ):
        return None
    return Finding("confirmation.interest", "专家是申请人本人、亲属或在其护理机构任职，须回避")


def took_no_part_before_a_review(confirming: Confirming) -> Finding | None:
    interests = confirming.interests
    if not any(
        interests.includes_earlier(expert) or expert.organization_id in interests.earlier_organizations
        for expert in confirming.experts
    ):
        return None
    return Finding("confirmation.review_same_people", "复评须由未参加初次评估的机构和人员确认")


CONFIRMATION_RULES: Final[tuple[Rule[Confirming], ...]] = (
    is_a_registered_expert,
    has_no_interest,
    took_no_part_before_a_review,
)
