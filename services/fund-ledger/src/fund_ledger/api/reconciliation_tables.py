"""The three-way report as tables: a balance adjustment and what is outstanding for each place, then the counties."""

from collections.abc import Iterator, Mapping

from changhu_common.money import yuan
from changhu_policies.vocabulary import PAYERS, SCHEMES, STATUSES

from fund_ledger.api.tables import Column, Fen, Row, Table, amount, counties_of
from fund_ledger.usecases.reconciliation import PlaceReconciliation, Reconciliation


def reconciliation_tables(told: Reconciliation) -> list[Table]:
    names = counties_of(told.pool)
    tables = [table for place in told.places for table in _place_tables(told, place, names)]
    return [*tables, _counties_table(told, names), _tax_table(told, names)]


def _place_tables(told: Reconciliation, place: PlaceReconciliation, names: Mapping[str, str]) -> Iterator[Table]:
    county = f" {names.get(place.county, place.county)}" if place.county else ""
    of = f"{place.account}{county}"
    yield Table(
        f"银行存款余额调节表 {of}",
        told.pool,
        str(told.on),
        [Column("项目", 30), amount("账面", 18), Column("项目", 30), amount("银行", 18)],
        list(_adjustment_rows(place)),
        [f"{each.name} {each.number}: {_balance(each.balance_fen)}" for each in place.banks] + [_rests_on(told)],
    )
    rows = [
        Row([str(line.booked_on), "银行", line.reference, "", Fen(line.amount_fen), _settled(line.settled_on)])
        for line in place.lines
    ] + [
        Row(
            [str(each.accounting_on), "账面", each.voucher, each.title, Fen(each.amount_fen), _settled(each.settled_on)]
        )
        for each in place.entries
    ]
    columns = [
        Column("日期", 11),
        Column("只在", 8),
        Column("参考号或凭证号", 24),
        Column("摘要", 20),
        amount("金额（收入为正）", 18, "sum"),
        Column("对方入账日", 12),
    ]
    yield Table(f"未达账项 {of}", told.pool, str(told.on), columns, rows)


def _adjustment_rows(place: PlaceReconciliation) -> Iterator[Row]:
    each = place.adjustment
    if each is None:
        yield Row(["银行余额未知：对账单还没有导入", None, "", None], strong=True)
        return
    yield Row(["账面余额", Fen(each.books_fen), "银行对账单余额", Fen(each.bank_fen)])
    yield Row(
        ["加：银行已收、账面未收", Fen(each.bank_received_fen), "加：账面已收、银行未收", Fen(each.books_received_fen)]
    )
    yield Row(["减：银行已付、账面未付", Fen(each.bank_paid_fen), "减：账面已付、银行未付", Fen(each.books_paid_fen)])
    yield Row(
        ["调节后余额", Fen(each.books_adjusted_fen), "调节后余额", Fen(each.bank_adjusted_fen)],
        strong=True,
    )
    yield Row(["差额", Fen(each.difference_fen), "", None], strong=True)


def _counties_table(told: Reconciliation, names: Mapping[str, str]) -> Table:
    columns = [
        Column("县（市、区）", 14),
        amount("账面", 16, "sum"),
        amount("银行已到账", 16, "sum"),
        amount("税务入库", 16, "sum"),
        amount("账面已记、银行未到", 16, "sum"),
        amount("税务比账面多", 16, "sum"),
    ]
    rows = [
        Row(
            [
                names.get(each.county, each.county),
                Fen(each.booked_fen),
                Fen(each.bank_fen),
                _fen(each.tax_fen),
                Fen(each.booked_not_at_bank_fen),
                _fen(each.tax_less_booked_fen),
            ]
        )
        for each in told.counties
    ]
    return Table("保险费三方对账", told.pool, told.month, columns, rows, [*told.notes, _rests_on(told)])


def _tax_table(told: Reconciliation, names: Mapping[str, str]) -> Table:
    columns = [
        Column("县（市、区）", 14),
        Column("险种人群", 12),
        Column("资金来源", 20),
        amount("账面", 16, "sum"),
        amount("税务入库", 16, "sum"),
        amount("税务比账面多", 16, "sum"),
    ]
    rows = [
        Row(
            [
                names.get(each.county, each.county),
                SCHEMES.get(each.scheme, each.scheme),
                PAYERS.get(each.payer, each.payer),
                Fen(each.booked_fen),
                Fen(each.tax_fen),
                Fen(each.difference_fen),
            ]
        )
        for each in told.tax.cells
    ]
    return Table("税务入库与账面比对", told.pool, told.month, columns, rows)


def _fen(fen: int | None) -> Fen | None:
    return None if fen is None else Fen(fen)


def _balance(fen: int | None) -> str:
    return "没有对账单" if fen is None else yuan(fen)


def _settled(on: object) -> str:
    return str(on) if on else ""


def _rests_on(told: Reconciliation) -> str:
    return f"对账依据 {told.document}（{STATUSES[told.status]}）：{told.reading}"
