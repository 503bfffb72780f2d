"""A year's clearing as a table: how each county's deficit is covered, and what its treasury owes."""

from changhu_common.money import yuan
from changhu_policies.vocabulary import STATUSES

from fund_ledger.api.tables import Column, Fen, Row, Table, amount, counties_of
from fund_ledger.usecases.periods import ClearingView

AMOUNTS = {
    "income_fen": "本年收入",
    "expense_fen": "本年支出",
    "result_fen": "本年结余",
    "surplus_before_fen": "以前累计结余",
    "from_surplus_fen": "以结余弥补",
    "claim_fen": "应由县级财政弥补",
    "surplus_after_fen": "清算后结余",
}


def clearing_table(told: ClearingView) -> Table:
    columns = [Column("县（市、区）", 12), *(amount(heading, 15, "sum") for heading in AMOUNTS.values())]
    names = counties_of(told.pool)
    rows = [
        Row([names.get(each.county, each.county), *(Fen(getattr(each, name)) for name in AMOUNTS)])
        for each in told.counties
    ]
    sums = [Fen(sum(getattr(each, name) for each in told.counties)) for name in AMOUNTS]
    rows.append(Row(["合计", *sums], strong=True))
    notes = [f"清算规则依据 {told.clause}（{STATUSES[told.status]}）；清算前后全市结余合计不变。"]
    if not told.booked:
        notes.insert(0, "未定稿：该年度尚未结账，或已申请反结账。")
    notes += [f"{names.get(county, county)}财政尚应弥补 {yuan(fen)} 元。" for county, fen in told.unpaid_fen.items()]
    notes += [
        f"{names.get(county, county)}财政多弥补 {yuan(fen)} 元，抵以后年度应弥补款或退回。"
        for county, fen in told.overpaid_fen.items()
    ]
    return Table("分县清算表", told.pool, f"{told.year} 年", columns, rows, notes, told.anchor)
