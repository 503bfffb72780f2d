"""What a report says as rows and columns: made once, and then written as an Excel file or printed.

An amount is a `Fen` and is shown in yuan; everything else is shown as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from changhu_policies import load_pack
from changhu_policies.vocabulary import SCHEMES, STATUSES

from fund_ledger.domain.reports import RESULT, Group
from fund_ledger.usecases.books import TrialBalance
from fund_ledger.usecases.months import Months
from fund_ledger.usecases.reports import Detail, Report, Reserve


class Fen(int):
    """An amount that is shown in yuan."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `width` is its share of the page, `carried` what a page takes from the one before."""

    heading: str
    width: int
    carried: Literal["no", "sum", "last"] = "no"
    numbers: bool = False


def amount(heading: str, width: int, carried: Literal["no", "sum", "last"] = "no") -> Column:
    """A column of amounts."""
    return Column(heading, width, carried, numbers=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; a `strong` one is a sum or an opening balance, which no sum counts again."""

    cells: Sequence[Any]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A report for a reader: `days` says for when, `anchor` of which entry of the chain it is the sum."""

    title: str
    pool: str
    days: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    anchor: str | None = None


def report_table(report: Report) -> Table:
    """The balance sheet, or income and expense: each section with its sum, county by county where it is split."""
    names = counties_of(report.pool)
    compared = report.compared_until is not None
    split = {name for group in report.groups for name in ("county", "scheme") if getattr(group, name) is not None}
    columns = [Column("县（市、区）", 12)] * ("county" in split) + [Column("险种人群", 9)] * ("scheme" in split)
    columns += [Column("科目", 8), Column("名称", 24), amount(_days(report.since, report.until), 16)]
    if compared:
        columns += [amount(_days(report.compared_since, report.compared_until), 16), amount("增减", 16)]
    rows = []
    for group in report.groups:
        place = [names.get(group.county or "", group.county)] if "county" in split else []
        place += [SCHEMES.get(group.scheme or "", group.scheme or "")] if "scheme" in split else []
        rows += [Row([*place, *row.cells], row.strong) for row in _group_rows(group, compared)]
    notes = [_rests_on(report)]
    if not all(group.holds for group in report.groups):
        notes.insert(0, "不平衡：资产不等于负债与净资产之和，请先核查账簿。")
    return Table(report.title, report.pool, _days(report.since, report.until), columns, rows, notes, report.anchor)


def _group_rows(group: Group, compared: bool) -> Iterator[Row]:
    for section, held in groupby(group.rows, key=lambda row: row.section):
        within = list(held)
        for row in within:
            number = "" if row.account == RESULT else row.account
            yield Row([number, row.name, *_amounts(row.fen, row.compared_fen if compared else None)])
        then = sum(row.compared_fen or 0 for row in within) if compared else None
        yield Row(["", f"{section}合计", *_amounts(sum(row.fen for row in within), then)], strong=True)
    for title, sections, totals in (
        ("负债和净资产合计", ("liability", "balance"), {"asset", "liability", "balance"}),
        ("本期收支结余", (RESULT,), {RESULT}),
    ):
        if group.totals.keys() & totals or (group.compared_totals or {}).keys() & totals:
            fen = sum(group.totals.get(name, 0) for name in sections)
            before = sum(group.compared_totals.get(name, 0) for name in sections) if group.compared_totals else 0
            yield Row(["", title, *_amounts(fen, before if compared else None)], strong=True)


def _amounts(fen: int, compared_fen: int | None) -> list[Fen]:
    return [Fen(fen)] if compared_fen is None else [Fen(fen), Fen(compared_fen), Fen(fen - compared_fen)]


def trial_balance_table(told: TrialBalance) -> Table:
    names = counties_of(told.pool)
    by_county = any(each.county for each in told.accounts)
    columns = [Column("县（市、区）", 14)] * by_county + [
        Column("科目", 8),
        Column("名称", 22),
        amount("借方", 18, "sum"),
        amount("贷方", 18, "sum"),
        amount("余额", 18, "sum"),
    ]
    rows = [
        Row(
            [
                *([names.get(each.county or "", each.county)] if by_county else []),
                each.account,
                each.name,
                *map(Fen, (each.debit_fen, each.credit_fen, each.balance_fen)),
            ]
        )
        for each in told.accounts
    ]
    total = map(Fen, (told.debit_fen, told.credit_fen, told.debit_fen - told.credit_fen))
    rows.append(Row([*([""] if by_county else []), "", "合计", *total], strong=True))
    return Table("试算平衡表", told.pool, f"截至 {told.on}", columns, rows, [_rests_on(told)], told.anchor)


def detail_table(detail: Detail, *, first: bool = True) -> Table:
    """An account's lines; their sum is that of the days only where no page stands before (`first`)."""
    names = counties_of(detail.pool)
    columns = [
        Column("记账日期", 11),
        Column("业务日期", 11),
        Column("凭证号", 12),
        Column("摘要", 16),
        Column("县（市、区）", 12),
        Column("险种人群", 9),
        amount("借方", 15, "sum"),
        amount("贷方", 15, "sum"),
        amount("余额", 16, "last"),
    ]
    rows = [Row(["", "", "", "期初余额", "", "", "", "", Fen(detail.opening_fen)], strong=True)]
    rows += [
        Row(
            [
                str(each.accounting_on),
                str(each.happened_on),
                each.voucher,
                each.title,
                names.get(each.county, each.county),
                SCHEMES.get(each.scheme or "", each.scheme or ""),
                Fen(each.debit_fen) if each.debit_fen else None,
                Fen(each.credit_fen) if each.credit_fen else None,
                Fen(each.balance_fen),
            ]
        )
        for each in detail.lines
    ]
    debit, credit = sum(each.debit_fen for each in detail.lines), sum(each.credit_fen for each in detail.lines)
    closing = detail.lines[-1].balance_fen if detail.lines else detail.opening_fen
    label = "本期合计" if first else "本页合计"
    rows.append(Row(["", "", "", label, "", "", Fen(debit), Fen(credit), Fen(closing)], strong=True))
    notes = [] if detail.lines else ["所选期间没有分录。"]
    title = f"{detail.account} {detail.name} 明细账"
    return Table(title, detail.pool, _days(detail.since, detail.until), columns, rows, notes, detail.anchor)


def months_table(told: Months) -> Table:
    columns = [
        Column("月份", 10),
        amount("收入", 18, "sum"),
        amount("支出", 18, "sum"),
        amount("当月结余", 18, "sum"),
        amount("累计结余", 18, "last"),
        Column("可支付月数", 12, numbers=True),
    ]
    rows = [
        Row(
            [
                each.month,
                *map(Fen, (each.income_fen, each.expense_fen, each.result_fen, each.surplus_fen)),
                each.reserve,
            ]
        )
        for each in told.months
    ]
    notes = ["可支付月数：月末累计结余÷此前（含当月）至多十二个月的月均支出，舍去第二位小数；没有支出的不计。"]
    if told.months:
        income, expense = (sum(getattr(each, name) for each in told.months) for name in ("income_fen", "expense_fen"))
        last = told.months[-1]
        sums = map(Fen, (income, expense, income - expense, last.surplus_fen))
        rows.append(Row(["合计", *sums, last.reserve], strong=True))
    days = f"{told.since} 至 {told.until}"
    return Table("月度收支与基金可支付月数", told.pool, days, columns, rows, notes, told.anchor)


def reserve_table(told: Reserve, months: Months) -> Table:
    """What is told of the reserve on a day, below the whole months that it rests on."""
    table = months_table(months)
    counted = f"此前 {told.months_counted} 个整月" if told.months_counted else "此前没有整月"
    return replace(
        table,
        title="基金可支付月数",
        days=f"截至 {told.on}",
        rows=[*table.rows, Row([f"{told.on}", None, None, None, Fen(told.surplus_fen), told.months], strong=True)],
        notes=[*table.notes, f"{told.on} 的可支付月数：当日累计结余÷整月的月均支出，不含当月；{counted}。"],
        anchor=told.anchor,
    )


def _days(since: Any, until: Any) -> str:
    return f"{since} 至 {until}" if since else f"{until}"


def counties_of(pool: str) -> Mapping[str, str]:
    """The names of a pool's counties by their codes; the pool's own money stands at the city."""
    return {pool: "市本级", **load_pack(pool).counties}


def _rests_on(told: Report | TrialBalance) -> str:
    return f"科目依据 {told.document}（{STATUSES[told.status]}）：{told.reading}"
