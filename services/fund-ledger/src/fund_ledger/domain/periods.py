"""A period (会计期间) is a month; months close in order, and what is closed never changes.

A month closes when it is over and every check holds. It is opened again only by two people with a
reason, and only the last closed one. What happened in a closed month is booked in the open one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from changhu_common.errors import Conflict, Refusal
from changhu_common.periods import MONEY_BEGINS, Month

from fund_ledger.domain.journal import Line

YEAR_END = 12

# What is said to happen later than at next year's end is a slip in the year too.
YEARS_AHEAD_MAX = 1

# The balance account (结余) that a year's income and expense are carried into.
SURPLUS = "3001"


class PeriodClosed(Conflict):
    """Nobody books into a closed period by hand."""

    code = "period.closed"
    title = "会计期间已结账"


class DayOutsideBooks(Refusal):
    """On this day no fund has books here: what is told of it is not booked at all."""

    code = "journal.day_outside_books"
    title = "业务日期不在账簿期间内"


class PeriodNotNext(Conflict):
    """Months close in order, and open again from the last one."""

    code = "period.not_next"
    title = "会计期间须依次办理"


class PeriodNotOver(Conflict):
    """A month that still runs cannot be closed."""

    code = "period.not_over"
    title = "会计期间尚未结束"


class ChecksFailed(Conflict):
    """Something keeps the month from being closed; `checks` says what."""

    code = "period.checks_failed"
    title = "结账检查未通过"


class ReopeningNotAsked(Conflict):
    """Nobody asked for this month to be opened again."""

    code = "period.reopening_not_asked"
    title = "没有待批准的反结账申请"


@dataclass(frozen=True, slots=True)
class Check:
    """One of the closing checks (结账检查) and what it found."""

    name: str
    title: str
    holds: bool
    detail: str


def refuse_outside_books(*, days: Iterable[date], today: date) -> None:
    """DayOutsideBooks for a day of an event that would open the books of another century."""
    latest = date(today.year + YEARS_AHEAD_MAX, 12, 31)
    for day in days:
        if not MONEY_BEGINS <= day <= latest:
            raise DayOutsideBooks(
                f"业务日期 {day} 不在 {MONEY_BEGINS} 至 {latest} 之间, 没有记账; 请由发出方核对年份。",
                happened_on=str(day),
            )


def refuse_unless_next(*, month: Month, open_from: date | None, first_booked: date | None, today: date) -> None:
    """PeriodNotNext or PeriodNotOver where this month is not the one to close now."""
    due = open_from or first_booked
    if due is not None and (month.first < due.replace(day=1) or month > Month.of(due)):
        raise PeriodNotNext(f"应先办理 {Month.of(due)} 的结账。", due=str(Month.of(due)))
    if today <= month.last:
        raise PeriodNotOver(f"{month} 尚未结束, 次月 1 日起可以结账。")


def refuse_unless_last_closed(*, month: Month, open_from: date | None) -> None:
    """PeriodNotNext where another month is the last closed one."""
    if open_from is None or Month.of(open_from).plus(-1) != month:
        last = "尚无已结账的期间" if open_from is None else f"最近结账的是 {Month.of(open_from).plus(-1)}"
        raise PeriodNotNext(f"只能反结账最近结账的期间; {last}。")


@dataclass(frozen=True, slots=True)
class BookBalance:
    """What an account comes to (fen, debit positive) in one county's book of one scheme."""

    account: str
    county: str
    scheme: str | None
    fen: int


def carried(*, balances: Iterable[BookBalance], kinds: Mapping[str, str]) -> Sequence[Line]:
    """The year end (年终结转): income and expense to nothing, and each book's difference into its surplus."""
    lines: list[Line] = []
    surplus: dict[tuple[str, str | None], int] = {}
    for each in sorted(balances, key=lambda b: (b.county, b.scheme or "", b.account)):
        if kinds[each.account] in {"income", "expense"} and each.fen:
            lines.append(Line(account=each.account, county=each.county, scheme=each.scheme, amount_fen=-each.fen))
            book = (each.county, each.scheme)
            surplus[book] = surplus.get(book, 0) + each.fen
    lines += [
        Line(account=SURPLUS, county=county, scheme=scheme, amount_fen=fen)
        for (county, scheme), fen in surplus.items()
        if fen
    ]
    return lines
