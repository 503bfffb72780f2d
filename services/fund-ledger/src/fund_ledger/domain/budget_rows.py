"""A row of a budget's file (预算表) is read exactly: what is exported can be changed and brought in again."""

from collections.abc import Mapping
from typing import Final

from changhu_common.bulk_files import BulkColumn
from changhu_common.cells import read_fen
from changhu_common.errors import FieldError
from changhu_common.money import FEN_PER_YUAN
from changhu_policies.vocabulary import SCHEMES

from fund_ledger.domain.budgets import BudgetLine

COLUMNS: Final = (
    BulkColumn("account", "科目"),
    BulkColumn("name", "名称", required=False),  # for the reader; the account decides
    BulkColumn("county", "县（市、区）", required=False),
    BulkColumn("scheme", "险种人群", required=False),
    BulkColumn("amount", "预算金额（元）"),
)
WHOLE: Final = "全市"
EVERY: Final = "全部"


def read_line(
    cells: Mapping[str, str | None], *, line: int, places: Mapping[str, str]
) -> BudgetLine | list[FieldError]:
    """A row as a line, or everything that cannot be read in it; `places` are codes with their names."""
    errors = []
    codes = {name: code for code, name in places.items()} | {code: code for code in places}
    county, scheme = cells["county"] or WHOLE, cells["scheme"] or EVERY
    if county != WHOLE and county not in codes:
        errors.append(FieldError("county", f"应为统筹区内县（市、区）的代码或名称，全市的写“{WHOLE}”或留空", line))
    words = {name: code for code, name in SCHEMES.items()} | {code: code for code in SCHEMES}
    if scheme != EVERY and scheme not in words:
        errors.append(FieldError("scheme", f"应为{'、'.join(SCHEMES.values())}，不分人群的写“{EVERY}”或留空", line))
    if not cells["account"]:
        errors.append(FieldError("account", "科目不能为空", line))
    amount_fen = 0
    try:
        amount_fen = read_fen(cells["amount"] or "")
    except ValueError as error:
        errors.append(FieldError("amount", str(error), line))
    return errors or BudgetLine(cells["account"] or "", codes.get(county), words.get(scheme), amount_fen)


def written_line(line: BudgetLine, *, name: str, places: Mapping[str, str]) -> tuple[str, ...]:
    """A line as a row of the same file."""
    whole, rest = divmod(line.amount_fen, FEN_PER_YUAN)
    county = WHOLE if line.county is None else places.get(line.county, line.county)
    return (line.account, name, county, SCHEMES[line.scheme] if line.scheme else EVERY, f"{whole}.{rest:02d}")
