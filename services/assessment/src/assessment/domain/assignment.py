"""Two or more people of one organisation under agreement are sent, one of them an expert, and none has an interest.

An interest (回避) is to be the applicant or a relative, to serve whoever cares for the person, or to
have taken part in what a review assessment (复评) looks at again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from changhu_common.periods import DateRange

from assessment.domain.findings import Finding, Findings, Rule

MEMBERS_MIN: Final = 2


class AssignmentRefused(Findings):
    """These people, or their organisation, may not assess this person."""

    code = "assignment.refused"
    title = "不能这样派员"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of staff as registered. `serves`: every organisation that this account or person serves on the day."""

    staff_id: UUID
    account: str
    person_id: UUID | None
    organization_id: UUID
    expert: bool
    days: DateRange
    serves: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An organisation's agreement (协议); `suspended` are days without effect."""

    kind: str
    days: DateRange
    suspended: Sequence[DateRange] = ()

    def holds_on(self, day: date) -> bool:
        return day in self.days and not any(day in days for days in self.suspended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interests:
    """Whom the person is close to, and who took part before a review assessment."""

    person_id: UUID
    relative_accounts: frozenset[str] = frozenset()
    relative_persons: frozenset[UUID] = frozenset()
    carers: frozenset[UUID] = frozenset()
    earlier_organizations: frozenset[UUID] = frozenset()
    earlier_accounts: frozenset[str] = frozenset()
    earlier_persons: frozenset[UUID] = frozenset()

    def is_close_to(self, member: Member) -> bool:
        return member.account in self.relative_accounts or member.person_id in self.relative_persons

    def includes_earlier(self, member: Member) -> bool:
        return member.account in self.earlier_accounts or member.person_id in self.earlier_persons


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Whom a clerk wants to send. `members` are those of `staff_ids` that are known."""

    organization_id: UUID
    staff_ids: Sequence[UUID]
    members: Sequence[Member]
    agreements: Sequence[Agreement]
    interests: Interests
    on: date
    known: dict[UUID, Member] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {member.staff_id: member for member in self.members})


def enough_people(team: Team) -> Finding | None:
    if len(set(team.staff_ids)) >= MEMBERS_MIN:
        return None
    return Finding("assignment.too_few", f"现场评估至少{MEMBERS_MIN}人")


def nobody_twice(team: Team) -> Finding | None:
    """Two registrations of one account or one person are one assessor."""
    accounts = [member.account for member in team.members]
    persons = [member.person_id for member in team.members if member.person_id]
    for named in (team.staff_ids, accounts, persons):
        if len(set(named)) < len(named):
            return Finding("assignment.staff_twice", "同一人员被指派两次")
    return None


def one_is_an_expert(team: Team) -> Finding | None:
    if any(member.expert for member in team.members):
        return None
    return Finding("assignment.no_expert", "至少一人须为评估专家")


def each_registered_with_the_organisation(team: Team) -> Finding | None:
    strangers = [
        staff_id
        for staff_id in team.staff_ids
        if (member := team.known.get(staff_id)) is None
        or member.organization_id != team.organization_id
        or team.on not in member.days
    ]
    if not strangers:
        return None
    return Finding("assignment.staff_unregistered", f"{len(strangers)}名人员当日未在该评估机构登记")


def organisation_under_agreement(team: Team) -> Finding | None:
    """On the day an agreement as an assessment organisation (定点评估机构) is in force."""
    if any(each.kind == "assessment_organization" and each.holds_on(team.on) for each in team.agreements):
        return None
    return Finding("assignment.no_agreement", "该机构当日没有有效的评估服务协议")


def nobody_is_the_applicant(team: Team) -> Finding | None:
    if all(member.person_id != team.interests.person_id for member in team.members):
        return None
    return Finding("assignment.applicant", "申请人不能评估本人")


def nobody_is_a_relative(team: Team) -> Finding | None:
    if not any(team.interests.is_close_to(member) for member in team.members):
        return None
    return Finding("assignment.relative", "评估人员是申请人的亲属，须回避")


def organisation_does_not_care_for_the_person(team: Team) -> Finding | None:
    """Whoever cares or cared for a person does not assess that person."""
    if team.organization_id not in team.interests.carers:
        return None
    return Finding("assignment.organization_cares", "该机构为申请人提供护理服务，不能评估")


def nobody_serves_a_carer(team: Team) -> Finding | None:
    if not any(member.serves & team.interests.carers for member in team.members):
        return None
    return Finding("assignment.staff_cares", "评估人员同时在为申请人提供护理服务的机构任职，须回避")


def review_by_another_organisation(team: Team) -> Finding | None:
    if team.organization_id not in team.interests.earlier_organizations:
        return None
    return Finding("assignment.review_same_organization", "复评须由另一家评估机构进行")


def review_by_other_people(team: Team) -> Finding | None:
    if not any(team.interests.includes_earlier(member) for member in team.members):
        return None
    return Finding("assignment.review_same_people", "复评人员不能参加过初次评估")


ASSIGNMENT_RULES: Final[tuple[Rule[Team], ...]] = (
    enough_people,
    nobody_twice,
    one_is_an_expert,
    each_registered_with_the_organisation,
    organisation_under_agreement,
    nobody_is_the_applicant,
    nobody_is_a_relative,
    organisation_does_not_care_for_the_person,
    nobody_serves_a_carer,
    review_by_another_organisation,
    review_by_other_people,
)
