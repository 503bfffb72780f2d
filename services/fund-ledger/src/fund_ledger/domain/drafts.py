"""A manual journal (人工凭证) is a draft until somebody other than who entered it approves it.

What it rests on is named: a reason and a reference to its attachment (附件).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import Conflict, FieldError, InvalidInput, Refusal
from changhu_common.periods import MONEY_BEGINS, Month

from fund_ledger.domain.journal import JOURNAL_LINES_MAX, Line, refuse_unbalanced

AMOUNT_FEN_MAX = 10**15  # ten trillion yuan: what exceeds it is a slip of the keyboard


class AccountUnknown(InvalidInput):
    """The chart has no such account."""

    code = "journal.account_unknown"
    title = "科目不存在"


class CountyUnknown(InvalidInput):
    """The pool has no such county."""

    code = "journal.county_unknown"
    title = "县区不存在"


class SamePerson(Refusal):
    """Entry and approval are different people."""

    code = "journal.same_person"
    title = "录入与审批须为不同人员"
    status = 403


class AlreadyDecided(Conflict):
    """The draft was approved or rejected before."""

    code = "journal.decided"
    title = "凭证已审批或已退回"


class NotReversible(Conflict):
    """The journal was reversed before, or it is a year end's own, or a reversal itself."""

    code = "journal.not_reversible"
    title = "凭证不能冲销"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was entered, before it is a journal."""

    id: UUID
    pool: str
    title: str
    happened_on: date
    reason: str
    attachment: str
    lines: Sequence[Line]
    entered_by: str
    status: str = "entered"
    reverses: UUID | None = None
    recurring_id: UUID | None = None


def refuse_bad_lines(
    *, lines: Sequence[Line], accounts: Collection[str], places: Collection[str], payers: Collection[str]
) -> None:
    """Everything that is wrong with entered lines at once; `places` are the pool and its counties."""
    numbered = list(enumerate(lines))
    unknown = [
        FieldError(f"lines.{n}.account", f"没有科目 {line.account}")
        for n, line in numbered
        if line.account not in accounts
    ]
    strange = [
        FieldError(f"lines.{n}.county", f"没有 {line.county}") for n, line in numbered if line.county not in places
    ]
    others = [
        *(
            FieldError(f"lines.{n}.payer", f"没有资金来源 {line.payer}")
            for n, line in numbered
            if line.payer is not None and line.payer not in payers
        ),
        *(
            FieldError(f"lines.{n}.amount_fen", "金额过大, 请核对")
            for n, line in numbered
            if abs(line.amount_fen) > AMOUNT_FEN_MAX
        ),
    ]
    if len(lines) > JOURNAL_LINES_MAX:
        others.append(FieldError("lines", f"一张凭证最多 {JOURNAL_LINES_MAX} 行"))
    if errors := [*unknown, *strange, *others]:
        kind = AccountUnknown if unknown else CountyUnknown if strange else InvalidInput
        raise kind("分录不符合要求, 请按 errors 中的字段逐项改正。", errors=errors)
    refuse_unbalanced(lines)


def days_due(*, day_of_month: int, first: Month, last: Month, today: date) -> Iterator[date]:
    """The days up to today on which something comes again; a month's last where it has no such day."""
    for month in first.until(min(last, Month.of(today))):
        day = date(month.year, month.number, min(day_of_month, month.last.day))
        if day <= today:
            yield day


def refuse_before_books(*, day: date, field: str) -> None:
    """InvalidInput for a day on which no fund had books here."""
    if day < MONEY_BEGINS:
        raise InvalidInput(
            f"日期不能早于 {MONEY_BEGINS}, 请核对年份。", errors=[FieldError(field, f"早于 {MONEY_BEGINS}")]
        )


def refuse_unless_approvable(*, draft: Draft, by: str) -> None:
    """AlreadyDecided, or SamePerson for who entered it."""
    if draft.status != "entered":
        raise AlreadyDecided("这张凭证已经审批或退回, 请刷新后查看。", status_of_draft=draft.status)
    if draft.entered_by == by:
        raise SamePerson("录入凭证的人不能审批自己的凭证, 请由另一名会计办理。")


def reversed_lines(lines: Sequence[Line]) -> list[Line]:
    """The same lines on the other side (红字冲销)."""
    return [
        Line(
            account=line.account,
            county=line.county,
            amount_fen=-line.amount_fen,
            scheme=line.scheme,
            payer=line.payer,
            organization_id=line.organization_id,
        )
        for line in lines
    ]
