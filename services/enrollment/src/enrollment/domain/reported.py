"""What another bureau reports is set beside what is known: it says nothing new, adds to it, or contradicts it.

A contradiction is never decided here: a clerk does, with both before him.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from changhu_common.bulk_files import BulkColumn
from changhu_common.cells import read_day
from changhu_common.errors import FieldError
from changhu_common.periods import DateRange
from changhu_common.resident_numbers import InvalidResidentNumber, ResidentNumber
from changhu_policies.vocabulary import MARKS, OTHER_BENEFITS

FactKind = Literal["other_benefits", "hospital_stays", "deaths", "hardship"]

_NUMBER = BulkColumn("resident_number", "公民身份号码")
_DAYS = (BulkColumn("start", "起始日期"), BulkColumn("end", "截止日期", required=False))
_REFERENCE = BulkColumn("reference", "凭证号", required=False)
COLUMNS: Final[dict[FactKind, tuple[BulkColumn, ...]]] = {
    "other_benefits": (_NUMBER, BulkColumn("kind", "待遇类型"), *_DAYS, _REFERENCE),
    "hospital_stays": (_NUMBER, *_DAYS, _REFERENCE),
    "deaths": (_NUMBER, BulkColumn("start", "死亡日期"), _REFERENCE),
    "hardship": (_NUMBER, BulkColumn("kind", "人员标识"), *_DAYS, _REFERENCE),
}
_WORDS: Final[dict[FactKind, Mapping[str, str]]] = {"other_benefits": OTHER_BENEFITS, "hardship": MARKS}

CLASHES: Final = {
    "overlaps": "与已登记的期间重叠",
    "end_differs": "起始日期相同，截止日期与已登记的不一致",
    "holds_always": "已登记为不限期的人员标识，没有起止日期",
    "after_death": "起始日期在已登记的死亡日期之后",
    "death_differs": "死亡日期与已登记的不一致",
    "alive_later": "死亡日期之后还有已登记的住院",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What is reported (外部门数据) of somebody with a number; of a death `start` is the day and `end` None."""

    number: ResidentNumber | None = None
    kind: str | None
    start: date
    end: date | None
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFact:
    """What is registered already, of one kind."""

    id: UUID
    kind: str | None
    days: DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a report comes to: `ends` names what is registered and gets its last day from it."""

    outcome: Literal["same", "new", "ends", "clash"]
    ends: UUID | None = None
    clash: str | None = None
    known: tuple[UUID, ...] = ()


SAME, NEW = Verdict(outcome="same"), Verdict(outcome="new")


def read_reported(
    cells: Mapping[str, str | None], *, kind: FactKind, today: date, line: int
) -> Reported | list[FieldError]:
    """What a row reports, or everything that is wrong with it."""
    errors: list[FieldError] = []

    def read(column: str, reader: Callable[[str], date]) -> date | None:
        try:
            cell = cells.get(column)
            return None if cell is None else reader(cell)
        except ValueError as error:
            errors.append(FieldError(column, str(error), line))
            return None

    start, end = read("start", read_day), read("end", read_day)
    if cells["start"] is None:
        errors.append(FieldError("start", "请填写日期", line))
    if start and start > today and kind in ("deaths", "hospital_stays"):
        errors.append(FieldError("start", "日期晚于今天", line))
    if start and end and end < start:
        errors.append(FieldError("end", "截止日期早于起始日期", line))
    word = None
    if kind in _WORDS:
        codes = {**{term: code for code, term in _WORDS[kind].items()}, **{code: code for code in _WORDS[kind]}}
        word = codes.get(cells["kind"] or "")
        if word is None:
            errors.append(FieldError("kind", f"应为：{'、'.join(_WORDS[kind].values())}", line))
    try:
        number = ResidentNumber.parse(cells["resident_number"] or "", today=today)
    except InvalidResidentNumber as invalid:
        return [FieldError("resident_number", invalid.detail, line), *errors]
    if errors or start is None:
        return errors
    return Reported(number=number, kind=word, start=start, end=end, reference=cells.get("reference") or "")


def judged(
    *, told: Reported, known: Sequence[KnownFact], died_on: date | None, always: Collection[str] = ()
) -> Verdict:
    """A report of days beside what is registered of the same kind; `always` are the kinds that hold on every day."""
    if told.kind in always:
        return Verdict(outcome="clash", clash="holds_always")
    days = DateRange(told.start, told.end)
    same_kind = [each for each in known if each.kind == told.kind]
    same_start = next((each for each in same_kind if each.days.start == told.start), None)
    if same_start is not None and same_start.days.end == told.end:
        return SAME
    others = tuple(each.id for each in same_kind if each is not same_start and each.days.overlap(days))
    if others:
        return Verdict(outcome="clash", clash="overlaps", known=others)
    if same_start is not None and same_start.days.end is not None:
        return Verdict(outcome="clash", clash="end_differs", known=(same_start.id,))
    if died_on is not None and told.start > died_on:
        return Verdict(outcome="clash", clash="after_death")
    return NEW if same_start is None else Verdict(outcome="ends", ends=same_start.id)


def judged_death(*, died_on: date, known: date | None, stays: Sequence[KnownFact]) -> Verdict:
    """A reported death beside the registered one and the stays in hospital."""
    if known == died_on:
        return SAME
    if known is not None:
        return Verdict(outcome="clash", clash="death_differs")
    later = tuple(each.id for each in stays if each.days.start > died_on)
    return Verdict(outcome="clash", clash="alive_later", known=later) if later else NEW
