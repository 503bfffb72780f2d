"""Reports as Excel files: amounts in yuan, as numbers, with the document that they rest on."""

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter
from changhu_common.money import FEN_PER_YUAN
from changhu_policies.vocabulary import STATUSES
from fastapi import Response

from fund_ledger.usecases.books import TrialBalance
from fund_ledger.usecases.reports import Detail, Report

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# A cell of this kind is an amount in fen; everything else is written as it is.
Cells = Sequence[Any]


class Fen(int):
    """An amount that is shown in yuan."""


def report_sheet(report: Report) -> Response:
    days = f"{report.since} 至 {report.until}" if report.since else f"{report.until}"
    compared = report.compared_until is not None
    against = f"{report.compared_since} 至 {report.compared_until}" if report.compared_since else report.compared_until
    headings = ["县（市、区）", "险种人群", "类别", "科目", "名称", days, *([against, "增减"] if compared else [])]
    rows: list[Cells] = []
    for group in report.groups:
        for row in group.rows:
            amounts = [Fen(row.fen)]
            if row.compared_fen is not None and row.difference_fen is not None:
                amounts += [Fen(row.compared_fen), Fen(row.difference_fen)]
            rows.append([group.county, group.scheme, row.section, row.account, row.name, *amounts])
    return _workbook(f"{report.pool} {report.title}", headings, rows, _rests_on(report))


def trial_balance_sheet(told: TrialBalance) -> Response:
    rows: list[Cells] = [
        [each.county, each.account, each.name, Fen(each.debit_fen), Fen(each.credit_fen), Fen(each.balance_fen)]
        for each in told.accounts
    ]
    rows.append([None, None, "合计", Fen(told.debit_fen), Fen(told.credit_fen), Fen(told.debit_fen - told.credit_fen)])
    headings = ["县（市、区）", "科目", "名称", "借方", "贷方", "余额"]
    return _workbook(f"{told.pool} 试算平衡表 截至 {told.on}", headings, rows, _rests_on(told))


def detail_sheet(detail: Detail) -> Response:
    headings = ["记账日期", "业务日期", "凭证号", "摘要", "县（市、区）", "险种人群", "借方", "贷方", "余额"]
    rows: list[Cells] = [[None, None, None, "期初余额", None, None, None, None, Fen(detail.opening_fen)]]
    rows += [
        [
            str(each.accounting_on),
            str(each.happened_on),
            each.voucher,
            each.title,
            each.county,
            each.scheme,
            Fen(each.debit_fen),
            Fen(each.credit_fen),
            Fen(each.balance_fen),
        ]
        for each in detail.lines
    ]
    title = f"{detail.pool} {detail.account} {detail.name} 明细账 {detail.since} 至 {detail.until}"
    more = f"后面还有分录，续页从 {detail.next_after} 开始" if detail.next_after else ""
    return _workbook(title, headings, rows, more)


def _rests_on(told: Report | TrialBalance) -> str:
    return f"科目依据 {told.document}（{STATUSES[told.status]}）：{told.reading}"


def _workbook(title: str, headings: Cells, rows: Sequence[Cells], foot: str) -> Response:
    content = io.BytesIO()
    # Nothing is turned into a formula or a link: a title comes from a person.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0.00;[Red]-#,##0.00"})
        sheet.write_string(0, 0, title, bold)
        sheet.write_string(1, 0, "单位：元")
        for column, heading in enumerate(headings):
            sheet.write_string(2, column, str(heading), bold)
        for number, row in enumerate(rows, 3):
            for column, cell in enumerate(row):
                if isinstance(cell, Fen):
                    sheet.write_number(number, column, int(cell) / FEN_PER_YUAN, money)
                elif cell is not None:
                    sheet.write_string(number, column, str(cell))
        sheet.write_string(len(rows) + 4, 0, foot)
        sheet.autofit()
    return Response(content.getvalue(), media_type=MEDIA_TYPE)
