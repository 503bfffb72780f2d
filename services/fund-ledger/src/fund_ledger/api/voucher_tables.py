"""Vouchers as tables: each on its own, as it is filed, or all of them line by line, as a journal book (序时账)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from changhu_policies.vocabulary import PAYERS, SCHEMES

from fund_ledger.api.tables import Column, Fen, Row, Table, amount, counties_of
from fund_ledger.usecases.books import BookedLine
from fund_ledger.usecases.vouchers import Voucher, VoucherPage

LINE_COLUMNS = (
    Column("科目", 8),
    Column("名称", 20),
    Column("县（市、区）", 12),
    Column("险种人群", 9),
    Column("资金来源", 10),
)


def voucher_table(told: Voucher) -> Table:
    """One voucher (记账凭证), as it is filed."""
    columns = [*LINE_COLUMNS, amount("借方", 16), amount("贷方", 16)]
    rows = [Row([*_place(told.pool, line), *_sides(line.amount_fen)]) for line in told.lines]
    debit = sum(line.amount_fen for line in told.lines if line.amount_fen > 0)
    credit = -sum(line.amount_fen for line in told.lines if line.amount_fen < 0)
    rows.append(Row(["", "合计", "", "", "", Fen(debit), Fen(credit)], strong=True))
    anchor = f"{told.sequence}:{told.hash}"
    title = f"记账凭证 {told.voucher}"
    return Table(title, told.pool, f"{told.accounting_on}", columns, rows, list(_notes(told)), anchor)


def _notes(told: Voucher) -> Iterator[str]:
    yield f"摘要：{told.title}"
    if told.entered_by:
        yield f"制单：{told.entered_by}　审核：{told.approved_by}　事由：{told.reason}　附件：{told.attachment}"
    else:
        yield f"系统按记账规则记账：{told.source}，业务编号 {told.source_event_id}"
    if told.reverses:
        yield f"冲销凭证 {told.reverses}"
    if told.note:
        yield told.note


def filed_tables(told: VoucherPage) -> list[Table]:
    """Vouchers to be filed together: what they come to account by account (科目汇总), then each of them."""
    return [_summary(told), *(replace(voucher_table(each), anchor=told.anchor) for each in told.vouchers)]


def _summary(told: VoucherPage) -> Table:
    sums: dict[tuple[str, str], list[int]] = {}
    for line in (line for each in told.vouchers for line in each.lines):
        held = sums.setdefault((line.account, line.name), [0, 0])
        held[line.amount_fen < 0] += abs(line.amount_fen)
    columns = [Column("科目", 8), Column("名称", 28), amount("借方", 20, "sum"), amount("贷方", 20, "sum")]
    rows = [Row([account, name, Fen(debit), Fen(credit)]) for (account, name), (debit, credit) in sorted(sums.items())]
    debit, credit = (sum(held[side] for held in sums.values()) for side in (0, 1))
    rows.append(Row(["", "合计", Fen(debit), Fen(credit)], strong=True))
    numbers = f"共 {len(told.vouchers)} 张, {told.vouchers[0].voucher} 至 {told.vouchers[-1].voucher}"
    days = f"{told.since} 至 {told.until}"
    return Table("记账凭证及科目汇总", told.pool, days, columns, rows, [numbers], told.anchor)


def journal_book_table(told: VoucherPage) -> Table:
    """All vouchers line by line (序时账)."""
    columns = [
        Column("记账日期", 11),
        Column("凭证号", 12),
        Column("摘要", 16),
        *LINE_COLUMNS,
        amount("借方", 15, "sum"),
        amount("贷方", 15, "sum"),
        Column("机构", 14),
    ]
    rows = [
        Row(
            [
                str(each.accounting_on),
                each.voucher,
                each.title,
                *_place(each.pool, line),
                *_sides(line.amount_fen),
                str(line.organization_id or ""),
            ]
        )
        for each in told.vouchers
        for line in each.lines
    ]
    days = f"{told.since} 至 {told.until}"
    notes = [] if rows else ["所选期间和条件下没有凭证。"]
    return Table("序时账", told.pool, days, columns, rows, notes, told.anchor)


def _place(pool: str, line: BookedLine) -> Sequence[str]:
    scheme, payer = line.scheme or "", line.payer or ""
    county = counties_of(pool).get(line.county, line.county)
    return [line.account, line.name, county, SCHEMES.get(scheme, scheme), PAYERS.get(payer, payer)]


def _sides(fen: int) -> Sequence[Fen | None]:
    return [Fen(fen), None] if fen > 0 else [None, Fen(-fen)]
