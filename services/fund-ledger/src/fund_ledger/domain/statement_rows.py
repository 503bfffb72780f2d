"""A statement as a table (CSV, XLSX) says of every row whose account it is of; one bad row, and nothing is taken.

The days and balances that a table does not name are told beside it by whoever sends it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from changhu_common.bulk_files import LINE, BulkColumn, BulkFile
from changhu_common.cells import read_day, read_fen
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.money import yuan

from fund_ledger.domain.statements import Said, StatementLine

COLUMNS = (
    BulkColumn("number", "账号"),
    BulkColumn("booked_on", "交易日期"),
    BulkColumn("income", "收入金额"),
    BulkColumn("expense", "支出金额"),
    BulkColumn("balance", "余额", required=False),
    BulkColumn("currency", "币种", required=False),
    BulkColumn("reference", "流水号", required=False),
    BulkColumn("end_to_end_id", "端到端标识", required=False),
    BulkColumn("counterparty", "对方户名", required=False),
    BulkColumn("counterparty_number", "对方账号", required=False),
    BulkColumn("remark", "摘要", required=False),
)

RENMINBI = frozenset({"CNY", "RMB", "人民币", "人民币元", "156"})

ERRORS_TOLD_MAX = 200  # more of them is a wrong file, and one look says so

_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_APART = re.compile(r"[\s-]")


class StatementRowsInvalid(InvalidInput):
    """Rows of a statement cannot be read; nothing was taken."""

    code = "bank_statement.rows_invalid"
    title = "对账单有错误行"


class OtherAccount(InvalidInput):
    """The statement is another account's."""

    code = "bank_statement.other_account"
    title = "不是本账户的对账单"

    def __init__(self, said: str, number: str) -> None:
        super().__init__(
            f"文件中的账号 {masked_number(said)} 不是本账户 {masked_number(number)}; 请核对文件, 或改选它的账户。"
        )


def plain_number(text: str) -> str:
    """An account's number without what is written between its digits for the eye."""
    return _APART.sub("", text).upper()


def masked_number(number: str) -> str:
    return f"****{number[-4:]}"


@dataclass(frozen=True, slots=True)
class _Row:
    at: int
    line: StatementLine
    balance_fen: int | None


def read_rows(*, file: BulkFile, number: str, since: date, until: date, opening_fen: int) -> list[StatementLine]:
    """The lines of a table; OtherAccount, or StatementRowsInvalid with every bad row."""
    others = [
        (row[LINE], row["number"])
        for row in file.rows.iter_rows(named=True)
        if row["number"] and plain_number(row["number"]) != number
    ]
    if others and len(others) == file.rows.height:
        raise OtherAccount(plain_number(others[0][1]), number)
    errors = [*file.errors]
    errors += [
        FieldError("number", f"账号 {masked_number(plain_number(said))} 不是本账户 {masked_number(number)}", at)
        for at, said in others
    ]
    unreadable = {error.line for error in errors}
    rows: list[_Row] = []
    for cells in file.rows.iter_rows(named=True):
        if cells[LINE] not in unreadable:
            read = _read_row(cells, since, until)
            if isinstance(read, _Row):
                rows.append(read)
            else:
                errors += read
    if not errors:
        errors = _balances(rows, opening_fen)
    refuse_rows(errors)
    return [row.line for row in rows]


def refuse_rows(errors: Sequence[FieldError]) -> None:
    """StatementRowsInvalid with every bad row, the first ones where there are too many to read."""
    if errors:
        raise StatementRowsInvalid(
            f"对账单有 {len(errors)} 处错误, 没有导入任何流水; 请按 errors 逐行改正, 或请银行重新导出。",
            errors=sorted(errors, key=lambda error: error.line or 0)[:ERRORS_TOLD_MAX],
            found=len(errors),
        )


def _read_row(cells: Mapping[str, str | None], since: date, until: date) -> _Row | list[FieldError]:
    at = int(cells[LINE] or 0)
    errors: list[FieldError] = []

    def fen(column: str) -> int | None:
        try:
            return _fen(cells[column])
        except ValueError as error:
            errors.append(FieldError(column, str(error), at))
            return None

    day: date | None = None
    try:
        day = read_day(cells["booked_on"] or "")
    except ValueError as error:
        errors.append(FieldError("booked_on", str(error), at))
    if day is not None and not since <= day <= until:
        errors.append(FieldError("booked_on", f"{day} 不在对账单期间 {since} 至 {until} 之内", at))
    if not cells["number"]:
        errors.append(FieldError("number", "缺少账号", at))
    if (cells["currency"] or "CNY").upper() not in RENMINBI:
        errors.append(FieldError("currency", f"币种 {cells['currency']} 不是人民币", at))
    income, expense, balance = fen("income"), fen("expense"), fen("balance")
    if not errors and bool(income) == bool(expense):
        errors.append(FieldError("income", "收入金额与支出金额应当有且只有一个", at))
    if errors or day is None:
        return errors
    line = StatementLine(
        booked_on=day,
        amount_fen=(income or 0) - (expense or 0),
        reference=cells["reference"],
        end_to_end_id=cells["end_to_end_id"],
        said=Said(cells["counterparty"] or "", cells["counterparty_number"] or "", cells["remark"] or ""),
        red=(income or expense or 0) < 0,
    )
    return _Row(at, line, balance)


def _fen(cell: str | None) -> int | None:
    """An amount in yuan; banks write thousands apart."""
    if cell is None:
        return None
    return read_fen(cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell)


def _balances(rows: Sequence[_Row], opening_fen: int) -> list[FieldError]:
    """The first row whose balance does not follow, whether the table runs forwards or back."""
    if not rows or any(row.balance_fen is None for row in rows):
        return []
    forwards = _first_break(rows, opening_fen)
    if forwards is None or _first_break(rows[::-1], opening_fen) is None:
        return []
    row, expected = forwards
    told = f"余额 {yuan(row.balance_fen or 0)} 与上一行不衔接, 应为 {yuan(expected)}"
    return [FieldError("balance", told, row.at)]


def _first_break(rows: Sequence[_Row], opening_fen: int) -> tuple[_Row, int] | None:
    balance = opening_fen
    for row in rows:
        balance += row.line.amount_fen
        if row.balance_fen != balance:
            return row, balance
    return None
