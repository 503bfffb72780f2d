"""A bank statement (银行对账单) is taken whole or not at all: what it opens with and its lines come to its closing.

A day is told once. A statement that overlaps an earlier one must say the same of the days that both
cover; what it adds are the days that nobody told before.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from changhu_common.errors import Conflict, FieldError, InvalidInput
from changhu_common.ids import named_id
from changhu_common.money import yuan

ONE_DAY = timedelta(days=1)

DIFFERENCES_TOLD_MAX = 50  # who looks at fifty knows that it is another statement


class StatementUneven(InvalidInput):
    """The statement's own figures do not agree with each other."""

    code = "bank_statement.uneven"
    title = "对账单金额不符"


class StatementVoided(Conflict):
    """The statement was voided before."""

    code = "bank_statement.voided"
    title = "对账单已作废"


class StatementNeeded(Conflict):
    """A later statement rests on this one, or a closed month does, or the account's closing."""

    code = "bank_statement.needed"
    title = "对账单不能作废"


class StatementContradicts(Conflict):
    """An earlier statement says otherwise of the same days."""

    code = "bank_statement.contradicts"
    title = "与已导入的对账单不一致"


@dataclass(frozen=True, slots=True)
class Said:
    """What a bank says of the other party (对方户名、对方账号) and of the reason (摘要)."""

    counterparty: str = ""
    counterparty_number: str = ""
    remark: str = ""


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line (流水) of an account: above zero came in, below it went out, in fen.

    `reference` is the bank's own (流水号), `end_to_end_id` the one that the payer gave (端到端标识). One in red (红字)
    takes back what came in or went out, and the bank counts it there.
    """

    booked_on: date
    amount_fen: int
    reference: str | None = None
    end_to_end_id: str | None = None
    said: Said = field(default=NOTHING_SAID, compare=False)
    red: bool = field(default=False, compare=False)

    @property
    def is_income(self) -> bool:
        """Whether it stands with what came in (收入金额)."""
        return (self.amount_fen > 0) != self.red

    @property
    def facts(self) -> tuple[str, int, str, str]:
        """What makes it this line: two banks' files word the rest of one line differently."""
        return (self.booked_on.isoformat(), self.amount_fen, self.reference or "", self.end_to_end_id or "")


@dataclass(frozen=True, slots=True)
class Control:
    """What a statement says of its lines in total; None where it says nothing."""

    count: int | None = None
    income_fen: int | None = None
    expense_fen: int | None = None
    turnover_fen: int | None = None


NO_CONTROL = Control()


@dataclass(frozen=True, slots=True)
class Statement:
    """What one statement says of one account, both days included, in fen."""

    since: date
    until: date
    opening_fen: int
    closing_fen: int
    lines: Sequence[StatementLine]
    number: str | None = None
    control: Control = NO_CONTROL


@dataclass(frozen=True, slots=True)
class KnownStatement:
    """A statement that was taken before."""

    id: UUID
    since: date
    until: date
    opening_fen: int
    closing_fen: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two statements of an account something is missing: days, or an amount (fen)."""

    after: date
    before: date
    days: int
    difference_fen: int


def refuse_uneven(*, statement: Statement, since: date, until: date) -> None:
    """StatementUneven or InvalidInput with all that is wrong; `since` and `until` are when the account is compared."""
    if statement.until < statement.since:
        raise InvalidInput("对账单的截止日早于起始日。", errors=[FieldError("until", "早于起始日")])
    if statement.since < since or statement.until > until:
        raise InvalidInput(
            f"对账单的期间须在 {since} 至 {until} 之内。",
            errors=[FieldError("since" if statement.since < since else "until", "超出账户的对账期间, 或当天尚未结束")],
        )
    errors = list(_figures(statement))
    if errors:
        raise StatementUneven("对账单自身的金额不相符, 没有导入; 请核对文件是否完整。", errors=errors)


def _figures(statement: Statement) -> Iterator[FieldError]:
    income = sum(line.amount_fen for line in statement.lines if line.is_income)
    expense = -sum(line.amount_fen for line in statement.lines if not line.is_income)
    reached = statement.opening_fen + income - expense
    if reached != statement.closing_fen:
        yield FieldError(
            "closing_fen",
            f"期初 {yuan(statement.opening_fen)} 加收入 {yuan(income)} 减支出 {yuan(expense)} 得 {yuan(reached)},"
            f" 与期末 {yuan(statement.closing_fen)} 相差 {yuan(statement.closing_fen - reached)}",
        )
    control = statement.control
    if control.count not in (None, len(statement.lines)):
        yield FieldError("count", f"控制笔数 {control.count}, 实有 {len(statement.lines)} 笔")
    for name, title, said, found in (
        ("income_fen", "收入", control.income_fen, income),
        ("expense_fen", "支出", control.expense_fen, expense),
        ("turnover_fen", "发生额", control.turnover_fen, income + expense),
    ):
        if said not in (None, found):
            yield FieldError(name, f"{title}控制总额 {yuan(said or 0)}, 实为 {yuan(found)}")


def content_ids(*, account_id: UUID, lines: Iterable[StatementLine]) -> list[tuple[UUID, StatementLine]]:
    """Each line with an id that follows from what it says, equal ones counted, and not from the file."""
    seen: Counter[tuple[str, int, str, str]] = Counter()
    named = []
    for line in lines:
        seen[line.facts] += 1
        named.append((named_id("fund-ledger.bank_line", account_id, *line.facts, seen[line.facts]), line))
    return named


def new_days(
    *, statement: Statement, known: Sequence[KnownStatement], lines: Sequence[StatementLine]
) -> list[StatementLine]:
    """The lines of days that no known statement covers.

    `known` are those that share a day with it, `lines` all that are known from their first day on.
    StatementContradicts with what differs on days that both cover.
    """
    covered = [(max(each.since, statement.since), min(each.until, statement.until)) for each in known]
    told = [line for line in statement.lines if _inside(line.booked_on, covered)]
    differences = list(_differences(told, [line for line in lines if _inside(line.booked_on, covered)]))
    differences += _balance_differences(statement, known, lines)
    if differences:
        raise StatementContradicts(
            "同一天的流水与以前导入的对账单不一致, 没有导入; 请与银行核实哪一份正确。",
            errors=differences[:DIFFERENCES_TOLD_MAX],
            differences=len(differences),
        )
    return [line for line in statement.lines if not _inside(line.booked_on, covered)]


def _inside(day: date, ranges: Sequence[tuple[date, date]]) -> bool:
    return any(since <= day <= until for since, until in ranges)


def _differences(told: Iterable[StatementLine], known: Iterable[StatementLine]) -> Iterator[FieldError]:
    now, before = (Counter(line.facts for line in lines) for lines in (told, known))
    for facts in sorted({*now, *before}):
        if now[facts] != before[facts]:
            day, amount_fen, reference, end_to_end_id = facts
            named = "、".join(each for each in (reference, end_to_end_id) if each) or "无参考号"
            yield FieldError(
                day, f"{yuan(amount_fen)} 元（{named}）: 本文件 {now[facts]} 笔, 已导入 {before[facts]} 笔"
            )


def _balance_differences(
    statement: Statement, known: Iterable[KnownStatement], lines: Sequence[StatementLine]
) -> Iterator[FieldError]:
    """Two statements that overlap say one balance for the morning of the first day that both cover."""
    for each in known:
        day = max(each.since, statement.since)
        here = statement.opening_fen + _sum_before(statement.lines, statement.since, day)
        there = each.opening_fen + _sum_before(lines, each.since, day)
        if here != there:
            yield FieldError(day.isoformat(), f"日初余额: 本文件 {yuan(here)}, 已导入 {yuan(there)}")


def _sum_before(lines: Iterable[StatementLine], since: date, day: date) -> int:
    return sum(line.amount_fen for line in lines if since <= line.booked_on < day)


def gaps(known: Iterable[KnownStatement]) -> list[Gap]:
    """Where statements do not follow on from each other, in order of days."""
    found: list[Gap] = []
    last: KnownStatement | None = None
    for each in sorted(known, key=lambda statement: (statement.since, statement.until)):
        if last is not None and each.since > last.until:
            days = (each.since - last.until).days - 1
            difference = each.opening_fen - last.closing_fen
            if days or difference:
                found.append(Gap(last.until, each.since, days, difference))
        if last is None or each.until > last.until:
            last = each
    return found


def uncovered(*, known: Iterable[KnownStatement], since: date, until: date) -> list[date]:
    """The days from `since` to `until` that no statement covers."""
    days = {since + ONE_DAY * n for n in range((until - since).days + 1)}
    for each in known:
        first, last = max(each.since, since), min(each.until, until)
        days -= {first + ONE_DAY * n for n in range((last - first).days + 1)}
    return sorted(days)
