"""What the books say to a reader: every report is a sum of balances, so that reports agree with each other.

Amounts are on their own side: assets and expense as debits, liabilities, surplus and income as
credits, so that what is usual is positive.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from changhu_common.periods import Month
from changhu_policies.accounting import Account

from fund_ledger.domain.periods import BookBalance

Split = Literal["none", "county", "scheme", "book"]

RESULT = "result"
RESULT_TITLE = "本年收支结余（未结转）"

_SECTIONS = {"asset": "资产", "liability": "负债", "balance": "净资产", "income": "收入", "expense": "支出"}
_CREDIT = frozenset({"liability", "balance", "income"})
_SURPLUS = frozenset({"balance", "income", "expense"})  # what the fund owns


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report: an account's amount, and what it was compared with."""

    section: str
    account: str
    name: str
    fen: int
    compared_fen: int | None = None
    difference_fen: int | None = None


@dataclass(frozen=True, slots=True)
class MonthMoved:
    """What an account moved in a month (fen, debit positive), by a year end's own journals or by others."""

    month: Month
    account: str
    carries: bool
    fen: int


@dataclass(frozen=True, slots=True)
class Group:
    """The part of a report that one county, scheme or book is; `totals` (fen) by section."""

    county: str | None
    scheme: str | None
    rows: Sequence[Row]
    totals: Mapping[str, int]
    compared_totals: Mapping[str, int] | None
    holds: bool


Key = tuple[str | None, str | None]
_KEYS: Mapping[Split, Callable[[BookBalance], Key]] = {
    "none": lambda each: (None, None),
    "county": lambda each: (each.county, None),
    "scheme": lambda each: (None, each.scheme),
    "book": lambda each: (each.county, each.scheme),
}


def balance_sheet(
    *,
    balances: Iterable[BookBalance],
    compared: Iterable[BookBalance] | None,
    accounts: Mapping[str, Account],
    split: Split,
) -> list[Group]:
    """The balance sheet (资产负债表). It holds where assets are liabilities and what the fund owns."""
    return _groups(balances, compared, accounts, split, _sheet_amounts, _sheet_holds)


def income_statement(
    *,
    balances: Iterable[BookBalance],
    compared: Iterable[BookBalance] | None,
    accounts: Mapping[str, Account],
    split: Split,
) -> list[Group]:
    """The statement of income and expense (收支表) of a range of days."""
    return _groups(balances, compared, accounts, split, _income_amounts, lambda totals: True)


Amounts = Mapping[tuple[str, str], int]


def _groups(
    balances: Iterable[BookBalance],
    compared: Iterable[BookBalance] | None,
    accounts: Mapping[str, Account],
    split: Split,
    amounts_of: Callable[[Iterable[BookBalance], Mapping[str, Account]], Amounts],
    holds: Callable[[Mapping[str, int]], bool],
) -> list[Group]:
    now, then = _by_key(balances, split), _by_key(compared or (), split)
    groups = []
    for key in sorted({*now, *then}, key=lambda k: (k[0] or "", k[1] or "")) or [(None, None)]:
        amounts = amounts_of(now.get(key, ()), accounts)
        before = amounts_of(then.get(key, ()), accounts) if compared is not None else None
        totals = _totals(amounts)
        rows = [
            _row(each, accounts, amounts.get(each, 0), None if before is None else before.get(each, 0))
            for each in sorted({*amounts, *(before or {})}, key=lambda e: (list(_SECTIONS).index(e[0]), e[1]))
        ]
        groups.append(
            Group(
                county=key[0],
                scheme=key[1],
                rows=rows,
                totals=totals,
                compared_totals=None if before is None else _totals(before),
                holds=holds(totals),
            )
        )
    return groups


def _by_key(balances: Iterable[BookBalance], split: Split) -> dict[Key, list[BookBalance]]:
    found: dict[Key, list[BookBalance]] = {}
    for each in balances:
        found.setdefault(_KEYS[split](each), []).append(each)
    return found


def _sheet_amounts(balances: Iterable[BookBalance], accounts: Mapping[str, Account]) -> Amounts:
    amounts: dict[tuple[str, str], int] = {}
    for each in balances:
        kind = accounts[each.account].kind
        place = ("balance", RESULT) if kind in {"income", "expense"} else (kind, each.account)
        amounts[place] = amounts.get(place, 0) + (each.fen if kind == "asset" else -each.fen)
    return amounts


def _sheet_holds(totals: Mapping[str, int]) -> bool:
    return totals.get("asset", 0) == totals.get("liability", 0) + totals.get("balance", 0)


def _income_amounts(balances: Iterable[BookBalance], accounts: Mapping[str, Account]) -> Amounts:
    amounts: dict[tuple[str, str], int] = {}
    for each in balances:
        kind = accounts[each.account].kind
        if kind in {"income", "expense"}:
            place = (kind, each.account)
            amounts[place] = amounts.get(place, 0) + (-each.fen if kind in _CREDIT else each.fen)
    return amounts


def _totals(amounts: Amounts) -> dict[str, int]:
    totals: dict[str, int] = {}
    for (section, _), fen in amounts.items():
        totals[section] = totals.get(section, 0) + fen
    if "income" in totals or "expense" in totals:
        totals[RESULT] = totals.get("income", 0) - totals.get("expense", 0)
    return totals


def _row(place: tuple[str, str], accounts: Mapping[str, Account], fen: int, compared_fen: int | None) -> Row:
    section, account = place
    return Row(
        section=_SECTIONS[section],
        account=account,
        name=RESULT_TITLE if account == RESULT else accounts[account].name,
        fen=fen,
        compared_fen=compared_fen,
        difference_fen=None if compared_fen is None else fen - compared_fen,
    )


@dataclass(frozen=True, slots=True)
class MonthAmounts:
    """A month's income and expense, the surplus at its end, and the expense of the last months with it (fen)."""

    month: Month
    income_fen: int
    expense_fen: int
    surplus_fen: int
    recent_expense_fen: int
    recent_months: int


def months_of_surplus(
    *, moved: Iterable[MonthMoved], kinds: Mapping[str, str], since: Month, until: Month, average_over: int
) -> list[MonthAmounts]:
    """What moved from the first month on, as amounts of each month from `since` to `until`.

    The expense is averaged over at most so many months, none of them before the books began.
    """
    flows: Counter[tuple[Month, str]] = Counter()
    for each in moved:
        kind = kinds[each.account]
        if not each.carries:
            flows[each.month, kind] -= each.fen
        if kind in _SURPLUS:
            flows[each.month, "surplus"] -= each.fen
    first = min((month for month, _ in flows), default=until)
    surplus, found = 0, []
    for month in min(first, since).until(until):
        surplus += flows[month, "surplus"]
        if month >= since:
            recent = list(max(first, month.plus(1 - average_over)).until(month))
            found.append(
                MonthAmounts(
                    month=month,
                    income_fen=flows[month, "income"],
                    expense_fen=-flows[month, "expense"],
                    surplus_fen=surplus,
                    recent_expense_fen=-sum(flows[each, "expense"] for each in recent),
                    recent_months=len(recent),
                )
            )
    return found


def months_of_reserve(*, surplus_fen: int, expense_fen: int, months: int) -> Fraction | None:
    """How many months the surplus pays the average expense of the last months; None where nothing was spent."""
    return Fraction(surplus_fen * months, expense_fen) if expense_fen > 0 and months else None


def written_months(months: Fraction | None) -> str | None:
    """With one digit after the point, cut and not rounded: a fund lasts no longer than it says, nor less than 0."""
    return None if months is None else f"{max(months, Fraction(0)) * 10 // 1 / 10:.1f}"
