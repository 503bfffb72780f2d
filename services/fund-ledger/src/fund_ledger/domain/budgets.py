"""A budget (预算) says what a year may come to, line by line; a position stands under one line at most.

A line is for one account, in the whole pool or one county, for every scheme or one of them. What no
line covers has a budget of nothing. An approved version is never edited: whatever changes within the
year is another version, with its reason.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from changhu_common.errors import Conflict, FieldError, InvalidInput, PostsNotSeparated, Refusal
from changhu_common.money import round_half_up, yuan
from changhu_policies.vocabulary import SCHEMES

# Whatever is budgeted: what comes in and what goes out, never what is merely there.
BUDGETED_KINDS = ("income", "expense")

LINES_MAX = 2_000  # every account in every county of a large city
AMOUNT_FEN_MAX = 10**15  # ten trillion yuan: what exceeds it is a slip of the keyboard


class LinesInvalid(InvalidInput):
    """Lines of a budget that cannot stand; `errors` has every one of them."""

    code = "budget.lines_invalid"
    title = "预算明细有误"


class DraftExists(Conflict):
    """A draft of the year waits for its decision; two at once would not know of each other."""

    code = "budget.draft_exists"
    title = "该年度已有待审批的预算"


class BudgetDecided(Conflict):
    """The version was approved or rejected before."""

    code = "budget.decided"
    title = "预算已审批或已退回"


class BelowExecution(Refusal):
    """A line would be lower than what is spent and reserved under it already."""

    code = "budget.below_execution"
    title = "预算低于已执行数"


class NothingExecuted(Refusal):
    """There is no execution that a budget could be copied from."""

    code = "budget.nothing_executed"
    title = "没有可参照的执行数"


@dataclass(frozen=True, slots=True)
class Position:
    """Where money is booked: an account, in a county's book of a scheme (None where none is named)."""

    account: str
    county: str
    scheme: str | None


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A year's amount (fen) for an account; `county=None` is the whole pool, `scheme=None` every scheme."""

    account: str
    county: str | None
    scheme: str | None
    amount_fen: int

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        return self.account, self.county, self.scheme

    def overlaps(self, other: "BudgetLine") -> bool:
        """Whether a position could stand under both."""
        return (
            self.account == other.account
            and (self.county == other.county or None in (self.county, other.county))
            and (self.scheme == other.scheme or None in (self.scheme, other.scheme))
        )


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What is asked of a line, or of a position without one, beside what is free there, in fen."""

    account: str
    county: str | None
    scheme: str | None
    asked_fen: int
    free_fen: int


class Room:
    """What is left of a year's budget, line by line, while more is taken of it."""

    def __init__(self, *, lines: Iterable[BudgetLine], used: Mapping[Position, int]) -> None:
        """`used` is what is spent and reserved at each position, in fen."""
        self._lines = {line.key: line for line in lines}
        self._used = dict.fromkeys(self._lines.values(), 0)
        self.take(used)

    def line_of(self, position: Position) -> BudgetLine | None:
        """The line that a position stands under."""
        for county in (position.county, None):
            for scheme in dict.fromkeys((position.scheme, None)):
                if line := self._lines.get((position.account, county, scheme)):
                    return line
        return None

    def used_fen(self, line: BudgetLine) -> int:
        return self._used[line]

    def short_of(self, asked: Mapping[Position, int]) -> list[Shortfall]:
        """Every line that cannot bear what is asked, and what stands under none."""
        short = []
        by_line: dict[BudgetLine, int] = {}
        for position, fen in asked.items():
            if line := self.line_of(position):
                by_line[line] = by_line.get(line, 0) + fen
            elif fen > 0:
                short.append(Shortfall(position.account, position.county, position.scheme, fen, 0))
        for line, fen in by_line.items():
            free_fen = line.amount_fen - self._used[line]
            if fen > 0 and fen > free_fen:
                short.append(Shortfall(line.account, line.county, line.scheme, fen, free_fen))
        return short

    def take(self, asked: Mapping[Position, int]) -> None:
        for position, fen in asked.items():
            if line := self.line_of(position):
                self._used[line] += fen

    def warns(self, asked: Mapping[Position, int], level: Fraction | None) -> bool:
        """Whether a line under what is asked has reached `budget.warning_level`; None is no level."""
        touched = {line for position in asked if (line := self.line_of(position))}
        return level is not None and any(reaches(self._used[line], line.amount_fen, level) for line in touched)


def reaches(used_fen: int, amount_fen: int, level: Fraction) -> bool:
    return used_fen > 0 and used_fen >= amount_fen * level


def line_errors(
    lines: Sequence[BudgetLine], *, accounts: Mapping[str, str], places: Collection[str], numbers: Sequence[int]
) -> list[FieldError]:
    """Everything that is wrong with lines: `accounts` by kind, `places` the pool and its counties.

    `numbers` say where each line stands in what was sent.
    """
    errors = []
    for number, line in zip(numbers, lines, strict=True):
        if line.account not in accounts:
            errors.append(FieldError("account", f"科目表中没有科目 {line.account}", number))
        elif accounts[line.account] not in BUDGETED_KINDS:
            errors.append(FieldError("account", f"科目 {line.account} 不是收入或支出科目，不编预算", number))
        if line.county is not None and line.county not in places:
            errors.append(FieldError("county", f"统筹区没有县（市、区） {line.county}", number))
        if line.scheme is not None and line.scheme not in SCHEMES:
            errors.append(FieldError("scheme", f"险种人群只能是{'、'.join(SCHEMES.values())}或留空", number))
        if not 0 <= line.amount_fen <= AMOUNT_FEN_MAX:
            errors.append(FieldError("amount_fen", "预算金额不能为负，也不能超过十万亿元", number))
    return errors + _overlaps(lines, numbers)


def _overlaps(lines: Sequence[BudgetLine], numbers: Sequence[int]) -> list[FieldError]:
    errors = []
    by_account: dict[str, list[tuple[int, BudgetLine]]] = {}
    for number, line in zip(numbers, lines, strict=True):
        before = by_account.setdefault(line.account, [])
        if found := next((n for n, other in before if line.overlaps(other)), None):
            errors.append(
                FieldError("account", f"与第 {found} 行管同一科目、县区和险种人群，一笔支出只能受一行控制", number)
            )
        before.append((number, line))
    return errors


def refuse_bad_lines(errors: Sequence[FieldError], *, count: int) -> None:
    """LinesInvalid with every error, or where there is nothing, or too much."""
    if not count:
        raise LinesInvalid("预算至少要有一行。")
    if count > LINES_MAX:
        raise LinesInvalid(f"一份预算最多 {LINES_MAX} 行，请合并县区或险种人群后重新编制。")
    if errors:
        bad = len({error.line for error in errors})
        raise LinesInvalid(f"有 {bad} 行不符合要求，全部未保存；请按 errors 逐行改正后重新提交。", errors=errors)


def refuse_unless_decidable(*, status: str, entered_by: str, by: str) -> None:
    """BudgetDecided, or PostsNotSeparated for who drafted it."""
    if status != "entered":
        raise BudgetDecided("这份预算已经审批或退回，请刷新后查看。", status_of_budget=status)
    if entered_by == by:
        raise PostsNotSeparated("编制预算的人不能审批自己的预算，请由另一名会计办理。")


def refuse_below_execution(
    *, lines: Iterable[BudgetLine], before: Iterable[BudgetLine], used: Mapping[Position, int]
) -> None:
    """BelowExecution where a line is not raised and yet too low for what is spent and reserved under it.

    What is raised and still too low is let pass: it only comes nearer to what happened.
    """
    lines = list(lines)
    room = Room(lines=lines, used=used)
    earlier = {line.key: line.amount_fen for line in before}
    errors = [
        FieldError(f"{line.account}/{line.county or ''}/{line.scheme or ''}", f"已支付和占用 {yuan(used_fen)} 元")
        for line in lines
        if (used_fen := room.used_fen(line)) > line.amount_fen <= earlier.get(line.key, line.amount_fen)
    ]
    errors += [
        FieldError(f"{at.account}/{at.county}/{at.scheme or ''}", f"已支付和占用 {yuan(fen)} 元，但没有预算")
        for at, fen in used.items()
        if fen > 0 and room.line_of(at) is None
    ]
    if errors:
        raise BelowExecution("有预算低于已支付和已占用的金额，请调高后重新编制。", errors=errors)


def copied(executed: Mapping[Position, int], *, factor: Fraction) -> list[BudgetLine]:
    """A draft from what a year came to (fen at each position), each amount times `factor`; nothing below zero.

    Where a county's book also has money of no scheme, one line holds for all of its schemes.
    """
    books: dict[tuple[str, str], dict[str | None, int]] = {}
    for at, fen in executed.items():
        books.setdefault((at.account, at.county), {})[at.scheme] = fen
    return [
        BudgetLine(account, county, scheme, amount_fen)
        for (account, county), amounts in sorted(books.items())
        for scheme, fen in ({None: sum(amounts.values())} if None in amounts else amounts).items()
        if (amount_fen := round_half_up(fen * factor)) > 0
    ]
