"""A care plan (护理服务计划) is carried out only after the insured person confirmed it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from changhu_common.errors import Conflict, Refusal
from changhu_common.periods import DateRange

PLAN_ITEMS_MAX = 100  # twice the catalogue and more


class Status(StrEnum):
    DRAFT = "draft"
    CONFIRMED = "confirmed"


class PlanConfirmed(Conflict):
    """It was confirmed before."""

    code = "plan.confirmed"
    title = "护理计划已经确认"


class DocumentMissing(Refusal):
    """A clerk confirms for the person only by naming what the person signed."""

    code = "plan.document_missing"
    title = "缺少签字文件"


class PersonUnknown(Refusal):
    """Nobody of this id is insured in the organisation's pool, as far as is known here."""

    code = "person.unknown"
    title = "参保人不在本统筹区"


class PersonDied(Refusal):
    """The plan begins after the person died."""

    code = "person.died"
    title = "参保人已死亡"


class NotCareProvider(Refusal):
    """An assessment organisation does not care for people."""

    code = "organization.not_care_provider"
    title = "不是护理服务机构"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A confirmed plan, as a rule sees it."""

    id: UUID
    mode: str
    items: frozenset[str]
    days: DateRange

    def covers(self, *, mode: str, on: date, items: frozenset[str]) -> bool:
        return mode == self.mode and on in self.days and items <= self.items


def refuse_unfit_person(*, pool: str, person_pool: str | None, died_on: date | None, start: date) -> None:
    """Raise PersonUnknown or PersonDied where no plan can be made for the person."""
    if person_pool != pool:
        raise PersonUnknown("本统筹区没有这位参保人的登记; 请先核对参保登记, 刚登记的请稍后再试。")
    if died_on is not None and died_on < start:
        raise PersonDied("参保人在计划开始前已死亡, 不能制定护理计划。")
