"""A file's row about a person already known adds to what is known, or says nothing new, or is refused.

Nothing that is registered is overwritten by a file except the base and the marks; an empty cell
says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import FieldError
from changhu_common.periods import DateRange

from enrollment.domain.registration import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCoverage:
    """A coverage as it is registered, with the base that holds now."""

    id: UUID
    category: str
    start: date
    end: date | None
    base_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A person as he is registered."""

    name: str
    county: str
    marks: Sequence[str]
    died: bool
    coverage: Sequence[KnownCoverage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What a row changes: a coverage added, the one that ends, the one whose base is set, the marks."""

    adds_coverage: bool = False
    ends: UUID | None = None
    sets_base: UUID | None = None
    marks: tuple[str, ...] | None = None

    @property
    def changes_insurance(self) -> bool:
        """Whether it changes what the other services are told."""
        return self.adds_coverage or self.ends is not None


NOTHING = Amendment()


def amendment(*, entered: Registration, known: KnownPerson) -> Amendment | FieldError:
    """What a row about a known person changes, or why it cannot be taken."""
    if entered.county != known.county:
        return FieldError("county", "该人员已在本统筹区的其他县区登记；请先办理转移")
    if entered.name != known.name:
        return FieldError("name", "姓名与该公民身份号码已登记的姓名不一致；请核对")
    if known.died:
        return FieldError("resident_number", "该人员已登记死亡")
    marks = entered.marks if entered.marks is not None and list(entered.marks) != list(known.marks) else None
    same = next(
        (each for each in known.coverage if (each.category, each.start) == (entered.category, entered.start)), None
    )
    if same is None:
        days = DateRange(entered.start, entered.end)
        if any(days.overlap(DateRange(each.start, each.end)) for each in known.coverage):
            return FieldError("start", "与该人员已登记的参保期间重叠；请先办理原参保的停保")
        return Amendment(adds_coverage=True, marks=marks)
    ends = entered.end is not None and entered.end != same.end
    if ends and same.end is not None:
        return FieldError("end", f"该参保已于 {same.end} 停保；请在该人员的登记上更正")
    sets_base = entered.base_fen is not None and entered.base_fen != same.base_fen
    return Amendment(ends=same.id if ends else None, sets_base=same.id if sets_base else None, marks=marks)
