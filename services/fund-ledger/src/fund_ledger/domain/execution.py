"""The execution of a budget (预算执行): what each line has spent and reserved, book by book and month by month.

For an income account "spent" is what came in. What stands under no line is shown with a budget of nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from fund_ledger.domain.budgets import BudgetLine, Position, Room, reaches

State = Literal["ok", "warned", "exceeded"]
STATES: Final[dict[State, str]] = {"ok": "正常", "warned": "预警", "exceeded": "超预算"}

# Fen by position and month (2026-07).
Monthly = Mapping[tuple[Position, str], int]


@dataclass(frozen=True, slots=True)
class MonthExecution:
    month: str
    reserved_fen: int
    spent_fen: int


@dataclass(frozen=True, slots=True)
class BookExecution:
    """One book's part of a line; a reservation stands in the month in which its statement was approved."""

    county: str
    scheme: str | None
    reserved_fen: int
    spent_fen: int
    months: Sequence[MonthExecution]


@dataclass(frozen=True, slots=True)
class LineExecution:
    """A line of the budget with its books. Without any budget `budget_fen`, `free_fen` and `percent` are None."""

    account: str
    kind: str
    county: str | None
    scheme: str | None
    budget_fen: int | None
    reserved_fen: int
    spent_fen: int
    free_fen: int | None
    percent: str | None
    state: State
    books: Sequence[BookExecution]


def execution(
    *,
    lines: Iterable[BudgetLine] | None,
    spent: Monthly,
    reserved: Monthly,
    kinds: Mapping[str, str],
    warning_level: Fraction | None,
) -> list[LineExecution]:
    """Every line with what stands under it; `spent` is debit positive, `lines=None` a year without a budget."""
    room = Room(lines=lines or (), used={})
    under: dict[BudgetLine, list[Position]] = {line: [] for line in lines or ()}
    amounts = {line: line.amount_fen if lines is not None else None for line in under}
    for at in sorted({at for at, _ in (*spent, *reserved)}, key=_order):
        line = room.line_of(at) or BudgetLine(at.account, at.county, at.scheme, 0)
        under.setdefault(line, []).append(at)
        amounts.setdefault(line, None if lines is None else 0)
    return [
        _line(line, amounts[line], [_book(at, spent, reserved, kinds) for at in under[line]], kinds, warning_level)
        for line in sorted(under, key=lambda line: (line.account, line.county or "", line.scheme or ""))
    ]


def percent(part_fen: int, whole_fen: int) -> str | None:
    """A share with one digit behind the point, rounded down: what is nearly used up is not called so."""
    return f"{part_fen * 1000 // whole_fen / 10:.1f}%" if whole_fen else None


def _line(
    line: BudgetLine,
    amount_fen: int | None,
    books: Sequence[BookExecution],
    kinds: Mapping[str, str],
    warning_level: Fraction | None,
) -> LineExecution:
    reserved_fen, spent_fen = sum(each.reserved_fen for each in books), sum(each.spent_fen for each in books)
    used_fen = reserved_fen + spent_fen
    state: State = "ok"
    if amount_fen is not None and kinds[line.account] == "expense":
        if used_fen > amount_fen:
            state = "exceeded"
        elif warning_level is not None and reaches(used_fen, amount_fen, warning_level):
            state = "warned"
    return LineExecution(
        account=line.account,
        kind=kinds[line.account],
        county=line.county,
        scheme=line.scheme,
        budget_fen=amount_fen,
        reserved_fen=reserved_fen,
        spent_fen=spent_fen,
        free_fen=None if amount_fen is None else amount_fen - used_fen,
        percent=None if amount_fen is None else percent(used_fen, amount_fen),
        state=state,
        books=books,
    )


def _book(at: Position, spent: Monthly, reserved: Monthly, kinds: Mapping[str, str]) -> BookExecution:
    sign = -1 if kinds[at.account] == "income" else 1
    names = sorted({month for each, month in (*spent, *reserved) if each == at})
    months = [MonthExecution(month, reserved.get((at, month), 0), sign * spent.get((at, month), 0)) for month in names]
    return BookExecution(
        county=at.county,
        scheme=at.scheme,
        reserved_fen=sum(each.reserved_fen for each in months),
        spent_fen=sum(each.spent_fen for each in months),
        months=[each for each in months if each.reserved_fen or each.spent_fen],
    )


def _order(at: Position) -> tuple[str, str, str]:
    return at.account, at.county, at.scheme or ""
