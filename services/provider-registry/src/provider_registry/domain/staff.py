"""A member of staff (服务人员) serves one organisation at a time, in the roles that its kind has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import Conflict, Refusal
from changhu_common.periods import DateRange

ROLES_OF_KIND: Mapping[str, frozenset[str]] = {
    "care_provider": frozenset({"caregiver"}),
    "assessment_organization": frozenset({"assessor", "expert"}),
}


class StaffElsewhere(Conflict):
    """The account is registered with an organisation on some of the days."""

    code = "staff.elsewhere"
    title = "该人员同期已在机构登记"


class RoleUnfit(Refusal):
    """The organisation's kind has no such role."""

    code = "staff.role_unfit"
    title = "人员角色与机构类别不符"


class StaffReleased(Conflict):
    """They were released before."""

    code = "staff.released"
    title = "该人员已经离职"


class ReleaseUnfit(Conflict):
    """The last day is before the first."""

    code = "staff.end_unfit"
    title = "离职日期不符"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who they are to a rule: no name."""

    id: UUID
    organization_id: UUID
    roles: tuple[str, ...]
    account: str
    days: DateRange

    def gives_care(self, *, organization_id: UUID, on: date) -> bool:
        return organization_id == self.organization_id and "caregiver" in self.roles and on in self.days


def refuse_unfit_roles(*, kind: str, roles: Iterable[str]) -> None:
    if unfit := sorted(set(roles) - ROLES_OF_KIND[kind]):
        raise RoleUnfit(f"{'、'.join(unfit)} 不是这类机构的角色; 护理机构登记护理人员, 评估机构登记评估员和专家。")


def masked_name(*, name: str) -> str:
    """The first character with stars for the rest: 王小明 → 王**."""
    return name[0] + "*" * max(1, len(name) - 1)
