"""What a caller may do is role × region × organisation, and a query sees no more than that.

A region is a six-digit code: a pool's (it ends in 00) holds for the pool and its counties, a county's
for that county alone. An insured person is not granted a region but himself and his wards.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from changhu_common.errors import Refusal

_REGION = re.compile(r"[0-9]{6}")


class Role(StrEnum):
    """A post (岗位); entry, review and approval are different ones."""

    term: str
    """The post's name in Chinese."""

    def __new__(cls, code: str, term: str = "") -> "Role":
        role = str.__new__(cls, code)
        role._value_ = code
        role.term = term
        return role

    ENROLLMENT_CLERK = "enrollment_clerk", "参保经办"
    ASSESSMENT_CLERK = "assessment_clerk", "评估经办"
    REGISTRY_CLERK = "registry_clerk", "定点机构管理"
    SETTLEMENT_ENTRY = "settlement_entry", "结算录入"
    SETTLEMENT_REVIEW = "settlement_review", "结算复核"
    SETTLEMENT_APPROVAL = "settlement_approval", "结算审批"
    CASHIER = "cashier", "出纳"
    ACCOUNTANT = "accountant", "会计"
    AUDITOR = "auditor", "稽核"
    POLICY_ENTRY = "policy_entry", "政策参数录入"
    POLICY_APPROVAL = "policy_approval", "政策参数审批"
    ASSESSOR = "assessor", "评估员"
    ASSESSMENT_EXPERT = "assessment_expert", "评估专家"
    CAREGIVER = "caregiver", "护理人员"
    PROVIDER_STAFF = "provider_staff", "定点机构工作人员"
    INSURED_PERSON = "insured_person", "参保人"
    OPERATOR = "operator", "系统运维"


# Without an organisation such a grant would open every organisation of the region.
OF_AN_ORGANISATION = frozenset({Role.CAREGIVER, Role.PROVIDER_STAFF})


class RoleMissing(Refusal):
    """The caller is known and holds none of the roles that the route is for."""

    code = "auth.role_missing"
    title = "没有办理权限"
    status = 403


@dataclass(frozen=True, slots=True)
class Grant:
    """One role in one region; `organisation=None` is any organisation there."""

    role: Role
    region: str
    organisation: UUID | None = None

    def __post_init__(self) -> None:
        if not _REGION.fullmatch(self.region):
            raise ValueError(f"a region is a six-digit code, not {self.region!r}")
        if self.organisation is None and self.role in OF_AN_ORGANISATION:
            raise ValueError(f"the role {self.role} is held in an organisation")

    @property
    def region_prefix(self) -> str:
        """What the code of every region that the grant covers begins with (GB/T 2260)."""
        return self.region[:4] if self.region.endswith("00") else self.region


@dataclass(frozen=True, slots=True)
class ScopePart:
    """Regions that begin with `region_prefix`, there one organisation or (None) all of them.

    Prefix and organisation stay together: one grant's county is no reason to open another's organisation.
    """

    region_prefix: str
    organisation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: any of the parts, and `persons` (the caller and his wards) wherever they are."""

    parts: frozenset[ScopePart] = frozenset()
    persons: frozenset[UUID] = frozenset()

    def covers(
        self,
        *,
        pool: str,
        county: str | None = None,
        organisation: UUID | None = None,
        person: UUID | None = None,
    ) -> bool:
        """Whether something of this county (None: of the pool itself), organisation and person is inside.

        A part that is one organisation's does not cover what belongs to no organisation.
        """
        region = county or pool
        return person in self.persons or any(
            region.startswith(part.region_prefix) and part.organisation in (None, organisation) for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: subject and name for the audit row, grants for what he may do.

    `person` is the caller's own person id where he is insured himself (本人), `wards` those for whom
    he acts (监护人, 代理人).
    """

    subject: str
    name: str
    grants: tuple[Grant, ...] = ()
    person: UUID | None = None
    wards: frozenset[UUID] = frozenset()

    def holds(self, *roles: Role) -> bool:
        return any(grant.role in roles for grant in self.grants)

    def narrowed(self, roles: Iterable[Role]) -> "Caller":
        """The same caller with the grants of these roles alone; with none left it is a RoleMissing."""
        wanted = tuple(roles)
        grants = tuple(grant for grant in self.grants if grant.role in wanted)
        if not grants:
            raise RoleMissing(f"需要以下岗位之一：{'、'.join(role.term for role in wanted)}；请联系管理员授权")
        return replace(self, grants=grants)

    @property
    def scope(self) -> Scope:
        """What the grants open; a route narrows the caller to its own roles first."""
        parts = (each for each in self.grants if each.role is not Role.INSURED_PERSON)
        itself = {self.person} if self.person else set()
        return Scope(
            parts=frozenset(ScopePart(each.region_prefix, each.organisation) for each in parts),
            persons=self.wards | itself if self.holds(Role.INSURED_PERSON) else frozenset(),
        )
