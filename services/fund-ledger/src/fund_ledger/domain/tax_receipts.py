"""What the tax bureau (税务部门) says it collected beside what was booked of it: a difference is told, never spread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from changhu_common.bulk_files import LINE, BulkColumn, BulkFile
from changhu_common.cells import read_fen
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.money import yuan
from changhu_common.periods import Month
from changhu_policies.vocabulary import CATEGORIES, PAYERS

from fund_ledger.domain.posting import SCHEMES

COLUMNS = (
    BulkColumn("county", "县区"),
    BulkColumn("category", "参保类别"),
    BulkColumn("month", "入库月份"),
    BulkColumn("payer", "资金来源"),
    BulkColumn("amount", "金额"),
)

ERRORS_TOLD_MAX = 200  # more of them is a wrong file, and one look says so


class TaxRowsInvalid(InvalidInput):
    """Rows of the tax bureau's file cannot be read; nothing was taken."""

    code = "tax_receipts.rows_invalid"
    title = "税务入库文件有错误行"


@dataclass(frozen=True, slots=True)
class TaxReceipt:
    """What came in of one county, category and source of money in a month, in fen; below zero where more went back."""

    county: str
    category: str
    payer: str
    amount_fen: int

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.county, self.category, self.payer)


@dataclass(frozen=True, slots=True)
class Cell:
    """Where both are compared: a county's money of one scheme from one payer."""

    county: str
    scheme: str
    payer: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell's amounts in fen; the difference is what the tax bureau has more."""

    county: str
    scheme: str
    payer: str
    booked_fen: int
    tax_fen: int
    difference_fen: int


def read_receipts(
    *, file: BulkFile, month: Month, counties: Mapping[str, str], total_fen: int | None
) -> list[TaxReceipt]:
    """The rows of a month's file; TaxRowsInvalid with every bad row. A county, category or payer is named or coded."""
    words = {
        "county": {**{name: code for code, name in counties.items()}, **{code: code for code in counties}},
        "category": {**{term: code for code, term in CATEGORIES.items()}, **{code: code for code in CATEGORIES}},
        "payer": {**{term: code for code, term in PAYERS.items()}, **{code: code for code in PAYERS}},
    }
    errors = [*file.errors]
    unreadable = {error.line for error in errors}
    read: dict[tuple[str, str, str], TaxReceipt] = {}
    for cells in file.rows.iter_rows(named=True):
        if cells[LINE] in unreadable:
            continue
        row = _read_row(cells, words, month)
        if isinstance(row, TaxReceipt):
            if row.key in read:
                errors.append(FieldError("county", "同一县区、类别、来源在文件中出现两次", cells[LINE]))
            read[row.key] = row
        else:
            errors += row
    found = sum(each.amount_fen for each in read.values())
    if not errors and total_fen not in (None, found):
        errors.append(FieldError("total_fen", f"控制总额 {yuan(total_fen or 0)}, 各行合计 {yuan(found)}"))
    if errors:
        raise TaxRowsInvalid(
            f"税务入库文件有 {len(errors)} 处错误, 没有导入任何一行; 请按 errors 逐行改正。",
            errors=sorted(errors, key=lambda error: error.line or 0)[:ERRORS_TOLD_MAX],
            found=len(errors),
        )
    return list(read.values())


def _read_row(
    cells: Mapping[str, str | None], words: Mapping[str, Mapping[str, str]], month: Month
) -> TaxReceipt | list[FieldError]:
    at = int(cells[LINE] or 0)
    errors, codes = [], {}
    for column, known in words.items():
        said = cells[column] or ""
        codes[column] = known.get(said, "")
        if not codes[column]:
            errors.append(FieldError(column, f"没有“{said}”" if said else "缺少", at))
    # A spreadsheet makes a month its first day.
    if cells["month"] not in (str(month), str(month.first)):
        errors.append(FieldError("month", f"应为 {month}, 文件只能有这一个月", at))
    fen = 0
    try:
        fen = read_fen(cells["amount"] or "")
    except ValueError as error:
        errors.append(FieldError("amount", str(error), at))
    return errors or TaxReceipt(amount_fen=fen, **codes)


def compared(*, booked: Mapping[Cell, int], receipts: Iterable[TaxReceipt]) -> list[Compared]:
    """Every cell that either side knows, in order. The books know schemes, not categories, so these are compared."""
    told: dict[Cell, int] = {}
    for each in receipts:
        cell = Cell(each.county, SCHEMES[each.category], each.payer)
        told[cell] = told.get(cell, 0) + each.amount_fen
    cells = sorted({*booked, *told}, key=lambda cell: (cell.county, cell.scheme, cell.payer))
    return [
        Compared(
            county=cell.county,
            scheme=cell.scheme,
            payer=cell.payer,
            booked_fen=booked.get(cell, 0),
            tax_fen=told.get(cell, 0),
            difference_fen=told.get(cell, 0) - booked.get(cell, 0),
        )
        for cell in cells
    ]
