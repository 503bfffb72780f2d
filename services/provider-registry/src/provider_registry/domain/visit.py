"""A visit (上门服务记录) is recorded where it fits the agreement, the staff and the plan of its own day.

Whether and how much of it is paid is decided elsewhere: coverage, grade, hospital stays and limits
are no reason to refuse the record of what was done.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from changhu_common.errors import Conflict, Refusal
from changhu_common.ids import named_id
from changhu_common.periods import day_of

from provider_registry.domain.agreement import Agreement
from provider_registry.domain.catalogue import ItemUnknown, unknown_items
from provider_registry.domain.plan import PersonUnknown, Plan
from provider_registry.domain.staff import Staff

VISIT_MAX = timedelta(hours=24)  # care by the day is a record a day; anything longer lacks its check-out
VISIT_ITEMS_MAX = 100  # twice the catalogue and more
QUANTITY_MAX = 1_000  # of one item within a day
BATCH_VISITS_MAX = 500  # an answer within a second, and locks that others need not wait for longer


class TimesReversed(Refusal):
    code = "visit.times_reversed"
    title = "签退早于签到"


class InFuture(Refusal):
    code = "visit.in_future"
    title = "服务时间在将来"


class TooLong(Refusal):
    code = "visit.too_long"
    title = "服务时间过长"


class WithoutAgreement(Refusal):
    code = "visit.without_agreement"
    title = "机构当日没有有效协议"


class StaffUnknown(Refusal):
    code = "visit.staff_unknown"
    title = "服务人员当日未在本机构登记"


class OutsidePlan(Refusal):
    code = "visit.outside_plan"
    title = "没有已确认的护理计划"


class ItemsUnfit(Refusal):
    code = "visit.items_unfit"
    title = "服务项目填写有误"


class CaregiverElsewhere(Conflict):
    code = "visit.caregiver_elsewhere"
    title = "服务人员同时在另一处服务"


class VisitDiffers(Conflict):
    """The id is known with other content."""

    code = "visit.differs"
    title = "同一编号的服务记录内容不同"


class OfAnotherCaregiver(Refusal):
    """A caregiver speaks of his own visits alone."""

    code = "visit.of_another_caregiver"
    title = "只能办理本人的服务记录"
    status = 403


class IdentityChanged(Refusal):
    """A correction keeps organisation, id and person; anything else is another visit."""

    code = "visit.identity_changed"
    title = "更正不能改变服务记录的归属"


class VisitVoided(Conflict):
    code = "visit.voided"
    title = "服务记录已作废"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody checked in or out: degrees (WGS 84) and, where the device knew it, an address."""

    latitude: float
    longitude: float
    address: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"latitude": self.latitude, "longitude": self.longitude, "address": self.address}


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What the organisation's system says of a visit, under the `reference` that it gave it.

    Times are UTC; `items` are pairs of item and quantity.
    """

    organization_id: UUID
    reference: str
    person_id: UUID
    mode: str
    staff_id: UUID
    started_at: datetime
    ended_at: datetime
    check_in_place: Place
    check_out_place: Place
    items: tuple[tuple[str, int], ...]

    @cached_property
    def id(self) -> UUID:
        return named_id("provider-registry.visit", self.organization_id, self.reference)

    @cached_property
    def day(self) -> date:
        return day_of(self.started_at)

    @cached_property
    def item_codes(self) -> frozenset[str]:
        return frozenset(item for item, _ in self.items)

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything but its identity, as JSON; the order in which items are listed does not count."""
        return {
            "person_id": str(self.person_id),
            "mode": self.mode,
            "staff_id": str(self.staff_id),
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "check_in_place": self.check_in_place.as_json(),
            "check_out_place": self.check_out_place.as_json(),
            "items": [{"item": item, "quantity": quantity} for item, quantity in sorted(self.items)],
        }

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(json.dumps(self.content, ensure_ascii=False, sort_keys=True).encode()).digest()

    @property
    def place_in_order(self) -> tuple[datetime, UUID]:
        """Visits are taken in order of time, then id: never in that of a list."""
        return self.started_at, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a visit is checked against: everything of its own day, and of its organisation's pool."""

    now: datetime
    pool: str
    person_pool: str | None = None
    agreements: Sequence[Agreement] = ()
    staff: Staff | None = None
    plans: Sequence[Plan] = ()
    caregiver_elsewhere: bool = False

    def with_caregiver_elsewhere(self) -> "Facts":
        return replace(self, caregiver_elsewhere=True)


def times_in_order(*, visit: Visit, facts: Facts) -> Refusal | None:
    if visit.started_at < visit.ended_at:
        return None
    return TimesReversed("签退时间须晚于签到时间, 请核对后重新上传。")


def not_in_future(*, visit: Visit, facts: Facts) -> Refusal | None:
    if max(visit.started_at, visit.ended_at) <= facts.now:
        return None
    return InFuture("签到或签退时间晚于当前时间, 请核对设备时钟。")


def not_too_long(*, visit: Visit, facts: Facts) -> Refusal | None:
    if visit.ended_at - visit.started_at <= VISIT_MAX:
        return None
    return TooLong(f"一次服务不超过 {VISIT_MAX // timedelta(hours=1)} 小时, 请核对签退时间。")


def person_known(*, visit: Visit, facts: Facts) -> Refusal | None:
    if facts.person_pool == facts.pool:
        return None
    return PersonUnknown("机构所在统筹区没有这位参保人的登记; 刚登记的请稍后重新上传。")


def organisation_under_agreement(*, visit: Visit, facts: Facts) -> Refusal | None:
    if any(each.in_force(on=visit.day, mode=visit.mode) for each in facts.agreements):
        return None
    return WithoutAgreement(f"机构在 {visit.day} 没有包含这种服务方式的有效协议。")


def caregiver_of_organisation(*, visit: Visit, facts: Facts) -> Refusal | None:
    staff = facts.staff
    if staff is not None and staff.gives_care(organization_id=visit.organization_id, on=visit.day):
        return None
    return StaffUnknown(f"服务人员在 {visit.day} 不是本机构登记的护理人员。")


def items_in_catalogue(*, visit: Visit, facts: Facts) -> Refusal | None:
    if not (missing := unknown_items(items=(item for item, _ in visit.items))):
        return None
    return ItemUnknown(f"目录中没有服务项目 {'、'.join(missing)}; 请按国家服务项目目录的编码填写。")


def items_counted(*, visit: Visit, facts: Facts) -> Refusal | None:
    once_each = len(visit.item_codes) == len(visit.items) > 0
    if once_each and all(1 <= quantity <= QUANTITY_MAX for _, quantity in visit.items):
        return None
    return ItemsUnfit(f"至少填写一个项目, 每个项目只列一次, 数量为 1 至 {QUANTITY_MAX} 的整数。")


def inside_confirmed_plan(*, visit: Visit, facts: Facts) -> Refusal | None:
    if any(each.covers(mode=visit.mode, on=visit.day, items=visit.item_codes) for each in facts.plans):
        return None
    return OutsidePlan(f"这位参保人与本机构没有覆盖 {visit.day} 及这些项目的已确认护理计划。")


def caregiver_in_one_place(*, visit: Visit, facts: Facts) -> Refusal | None:
    if not facts.caregiver_elsewhere:
        return None
    return CaregiverElsewhere("同一服务人员在这段时间已有另一次服务记录, 请核对时间。")


Rule = Callable[..., Refusal | None]

VISIT_RULES: tuple[Rule, ...] = (
    times_in_order,
    not_in_future,
    not_too_long,
    person_known,
    organisation_under_agreement,
    caregiver_of_organisation,
    items_in_catalogue,
    items_counted,
    inside_confirmed_plan,
    caregiver_in_one_place,
)


def findings(*, visit: Visit, facts: Facts) -> list[Refusal]:
    """Every rule that the visit breaks; none where it can be recorded."""
    return [found for rule in VISIT_RULES if (found := rule(visit=visit, facts=facts)) is not None]
