"""A clerk's file is read as text, cell by cell with its line, and a number is never rounded in silence.

What is read: CSV in UTF-8 (with or without its mark) or GB 18030, one such CSV in a ZIP, and the sheet of
an XLSX that has the columns; what a file is, its bytes say, not its name. A file that cannot be trusted as a whole
is refused with the reason; a bad row is an error of its own, with line and column.
"""

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import fastexcel
import polars as pl

from changhu_common.errors import FieldError, InvalidInput

FILE_BYTES_MAX = 512 * 1024 * 1024
UNPACKED_BYTES_MAX = 512 * 1024 * 1024  # a small ZIP can hold a file that fills the memory
ROWS_MAX = 3_000_000  # the insured people of a large city, once
XLSX_ROWS_MAX = 300_000  # a sheet is unfolded twice; more people come in parts, or as CSV
PIECE_BYTES = 1024 * 1024
HEAD_ROWS_MAX = 50  # a title row stands among the first rows of a sheet
CELL_CHARACTERS_MAX = 4_000
DIGITS_EXACT_MAX = 15  # a spreadsheet keeps so many digits of a number and makes the rest 0

LINE = "line"
# What an error file adds; a file that comes back corrected may still carry them.
LINE_TITLE, REASON_TITLE = "行号", "错误原因"

_ROUNDED = "该数字超过 15 位，表格软件已把末几位改成 0；请把该列设为文本格式后重新填写"
_SCIENTIFIC = "该数字被表格软件存成了科学计数法，末几位已丢失；请把该列设为文本格式后重新填写"
# A spreadsheet always writes sign and two digits, so that a code like 1E5 is not taken for one.
_SCIENTIFIC_SHAPE = r"^[0-9](\.[0-9]+)?[eE][+-][0-9]{2,}$"
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_OLE = b"\xd0\xcf\x11\xe0"
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\br=[\"']([0-9]+)")
# Past column BZ. The sheet is unfolded into a full rectangle: one cell far out would fill the memory.
_FAR_COLUMN = re.compile(rb"\br=[\"'](?:[C-Z][A-Z]|[A-Z]{3})[0-9]")


class InvalidFile(InvalidInput):
    """The file as a whole cannot be read; nothing of it was taken."""

    code = "file.invalid"
    title = "文件无法读取"


@dataclass(frozen=True, slots=True)
class BulkColumn:
    """A column that a file may have: `name` in the code, `title` (表头) in the clerk's file."""

    name: str
    title: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class BulkFile:
    """What was read: every row as text (empty is null) with its `line`, and what is wrong with some."""

    columns: tuple[BulkColumn, ...]
    rows: pl.DataFrame
    errors: tuple[FieldError, ...]

    def good_rows(self, errors: Iterable[FieldError] = ()) -> pl.DataFrame:
        """The rows without an error, neither of reading nor of those given (the caller's own checks)."""
        bad = {error.line for error in (*self.errors, *errors)}
        return self.rows.filter(~pl.col(LINE).is_in(list(bad)))


def read_bulk(content: bytes, columns: Sequence[BulkColumn]) -> BulkFile:
    """Read a file's rows; a column that is missing, unknown or there twice refuses the file."""
    if len(content) > FILE_BYTES_MAX:
        raise InvalidFile(f"文件超过 {FILE_BYTES_MAX // 1024**2} MB；请拆分后分批上传")
    if content.startswith(_OLE):
        raise InvalidFile("这是旧版 XLS 或加密的文件；请去掉密码，另存为 XLSX 或 CSV UTF-8 后上传")
    if content.startswith(b"PK"):
        return _unpacked(content, columns)
    return _from_csv(content, columns)


def _unpacked(content: bytes, columns: Sequence[BulkColumn]) -> BulkFile:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [each for each in archive.infolist() if not each.is_dir()]
            if sum(each.file_size for each in inside) > UNPACKED_BYTES_MAX:
                raise InvalidFile(f"文件解压后超过 {UNPACKED_BYTES_MAX // 1024**2} MB；请拆分后分批上传")
            if any(each.filename == "[Content_Types].xml" for each in inside):
                for each in inside:
                    # Reading to the end also proves the announced size and the checksum of each part.
                    _check_part(each.filename, archive.read(each))
                return _from_xlsx(content, columns)
            inside = [each for each in inside if not each.filename.startswith("__MACOSX/")]
            if len(inside) != 1:
                raise InvalidFile(f"压缩包里应当只有一个 CSV 文件，实有 {len(inside)} 个文件")
            return _from_csv(archive.read(inside[0]), columns)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise InvalidFile("文件不完整或已损坏；请重新导出或重新上传") from error
    except (RuntimeError, NotImplementedError) as error:
        raise InvalidFile("文件已加密或压缩方式不受支持；请去掉密码后重新上传") from error


def _check_part(name: str, part: bytes) -> None:
    if name == "xl/workbook.bin":
        raise InvalidFile("这是 XLSB 文件；请另存为 XLSX 或 CSV UTF-8 后重新上传")
    if name.startswith("xl/worksheets/") and _FORMULA.search(part):
        # Only a formula's last value can be read, and one that failed would read as an empty cell.
        raise InvalidFile("工作表中含有公式；请复制全部单元格，选择性粘贴为数值后重新上传")
    if _FAR_COLUMN.search(part):
        raise InvalidFile("工作表的列太多（超过 BZ 列）；请删除多余的列后重新上传")
    rows_max = min(ROWS_MAX, XLSX_ROWS_MAX)
    if max((int(row) for row in _ROW.findall(part)), default=0) > rows_max + 1:
        raise _too_many(rows_max)


def _too_many(rows_max: int) -> InvalidFile:
    return InvalidFile(f"文件超过 {rows_max} 行；请拆分后分批上传")


def _from_xlsx(content: bytes, columns: Sequence[BulkColumn]) -> BulkFile:
    try:
        book = fastexcel.read_excel(content)
        chosen = _chosen_sheet(book, columns)
        # skip_rows=0 keeps empty rows at the top, so that a row's index is its line on the screen.
        sheet = book.load_sheet(chosen, header_row=None, skip_rows=0, dtypes="string").to_polars()
        # Asked for truth values, the library answers null for a text and a truth value for a number:
        # the only way to know that a cell was a number, and so may have lost its last digits.
        numeric = book.load_sheet(chosen, header_row=None, skip_rows=0, dtypes="boolean").to_polars()
    except fastexcel.FastExcelError as error:
        raise InvalidFile("不是可读取的 XLSX 文件；请用表格软件另存为 XLSX 后重新上传") from error
    sheet = sheet.with_columns(pl.all().str.strip_chars().replace("", None))
    numeric = numeric.select(pl.all().is_not_null())
    filled = sheet.select(line=pl.int_range(1, pl.len() + 1), any=pl.any_horizontal(pl.all().is_not_null()))
    lines = filled.filter("any")["line"].to_list() if sheet.width else []
    if not lines:
        raise InvalidFile(f"工作表“{book.sheet_names[chosen]}”是空的")
    head = lines[0] - 1
    titles = [cell or "" for cell in sheet.row(head)]
    # Columns that are empty from top to bottom are left over from editing.
    while titles and not titles[-1] and sheet[:, len(titles) - 1].null_count() == sheet.height:
        titles.pop()
    kept = _kept(titles, columns)
    rows = sheet.select(
        pl.int_range(1, pl.len() + 1).alias(LINE),
        # A day is told as a midnight.
        *(
            pl.nth(at).str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) 00:00:00$", "$1").alias(name)
            for name, at in kept.items()
        ),
    ).filter(pl.col(LINE) > lines[0])
    long = sheet.select(
        pl.int_range(1, pl.len() + 1).alias(LINE),
        *(
            (
                numeric[:, at] & (pl.nth(at).str.replace(r"\..*", "").str.count_matches("[0-9]") > DIGITS_EXACT_MAX)
            ).alias(name)
            for name, at in kept.items()
        ),
    ).filter(pl.col(LINE) > lines[0])
    errors = [FieldError(name, _ROUNDED, line) for name in kept for line in long.filter(pl.col(name))[LINE].to_list()]
    return _finished(rows, columns, errors)


def _chosen_sheet(book: fastexcel.ExcelReader, columns: Sequence[BulkColumn]) -> int:
    """The one sheet that has every required column, notes and lists beside it; the first where none has.

    Of several such sheets none is left out in silence: a row is told by its line alone.
    """
    names = book.sheet_names
    if len(names) == 1:
        return 0
    fitting = [number for number in range(len(names)) if _fits(_titles(book, number), columns)]
    if len(fitting) > 1:
        told = "、".join(f"“{names[number]}”" for number in fitting)
        raise InvalidFile(f"工作表{told}都有要导入的列；一次只导入一个工作表，请分别另存为文件后上传")
    return fitting[0] if fitting else 0


def _titles(book: fastexcel.ExcelReader, number: int) -> list[str]:
    """The first row of a sheet that is not empty."""
    sheet = book.load_sheet(number, header_row=None, skip_rows=0, n_rows=HEAD_ROWS_MAX, dtypes="string").to_polars()
    rows = ([cell.strip() for cell in row if cell and cell.strip()] for row in sheet.iter_rows())
    return next((row for row in rows if row), [])


def _fits(titles: Sequence[str], columns: Sequence[BulkColumn]) -> bool:
    return all(column.title in titles or column.name in titles for column in columns if column.required)


def _from_csv(content: bytes, columns: Sequence[BulkColumn]) -> BulkFile:
    text = _utf8(content)
    plain = b'"' not in text and text.count(b"\r") == text.count(b"\r\n")
    titles, rows, errors = _unquoted(text) if plain else _quoted(text)
    kept = _kept(titles, columns)
    frame = rows.select(
        LINE,
        # The apostrophe with which an error file keeps a cell from becoming a formula goes again.
        *(
            pl.col(_cell(at)).str.replace(r"^'([=+\-@\t\r])", "$1").str.strip_chars().replace("", None).alias(name)
            for name, at in kept.items()
        ),
    )
    return _finished(frame, columns, errors)


def _cell(at: int) -> str:
    return f"cell{at}"


def _wrong_count(cells: int, titles: int, line: int) -> FieldError:
    return FieldError("", f"本行有 {cells} 列，表头有 {titles} 列；请检查多余或缺少的逗号", line)


def _unquoted(text: bytes) -> tuple[list[str], pl.DataFrame, list[FieldError]]:
    """Titles and rows of a CSV in which every line is a row and every comma parts two cells: read by column."""
    # No text holds the separator given here, so that a line comes as one cell.
    lines = pl.read_csv(
        text,
        has_header=False,
        separator="\x1f",
        quote_char=None,
        infer_schema=False,
        new_columns=["text"],
        row_index_name=LINE,
        row_index_offset=1,
        raise_if_empty=False,
    )
    if lines.width < 2:
        raise InvalidFile("文件是空的")
    filled = lines.filter(pl.col("text").str.strip_chars(",") != "")
    if filled.is_empty():
        raise InvalidFile("文件是空的")
    titles = [cell.strip() for cell in filled.item(0, "text").split(",")]
    filled = filled[1:]
    if filled.height > ROWS_MAX:
        raise _too_many(ROWS_MAX)
    cells = filled.select(LINE, cells=pl.col("text").str.count_matches(",", literal=True) + 1)
    errors = [
        _wrong_count(count, len(titles), line) for line, count in cells.filter(pl.col("cells") != len(titles)).rows()
    ]
    names = [_cell(at) for at in range(len(titles))]
    split = pl.col("text").str.split_exact(",", len(titles) - 1).struct.rename_fields(names)
    return titles, filled.select(pl.col(LINE).cast(pl.Int64), split).unnest("text"), errors


def _quoted(text: bytes) -> tuple[list[str], pl.DataFrame, list[FieldError]]:
    """The same of a CSV with quotes, where a cell may hold commas and run over several lines."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline=""), strict=True)
    titles: list[str] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    errors: list[FieldError] = []
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cells):
                continue
            if not titles:
                titles = [cell.strip() for cell in cells]
                continue
            if len(cells) != len(titles):
                errors.append(_wrong_count(len(cells), len(titles), line))
                cells = (cells + [""] * len(titles))[: len(titles)]
            lines.append(line)
            rows.append(cells)
            if len(rows) > ROWS_MAX:
                raise _too_many(ROWS_MAX)
    except csv.Error as error:
        raise InvalidFile(f"第 {begins} 行起引号不成对或单元格过长，其后无法读取；请更正后重新上传") from error
    if not titles:
        raise InvalidFile("文件是空的")
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(titles)
    named = {_cell(at): cells for at, cells in enumerate(by_column)}
    frame = pl.DataFrame({LINE: lines, **named}, schema={LINE: pl.Int64, **dict.fromkeys(named, pl.String)})
    return titles, frame, errors


def _utf8(content: bytes) -> bytes:
    """A text as UTF-8 without a mark; piece by piece, because a city's file is not needed in memory twice more."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidFile("文件是 UTF-16 编码；请另存为“CSV UTF-8”后重新上传")
    for encoding in ("utf-8", "gb18030"):
        try:
            pieces = list(_recoded(content, encoding))
        except UnicodeDecodeError:
            continue
        text = content.removeprefix(codecs.BOM_UTF8) if encoding == "utf-8" else b"".join(pieces)
        if _CONTROL.search(text):
            break
        return text
    raise InvalidFile("不是 UTF-8 或 GB18030 编码的文本；请另存为 XLSX 或“CSV UTF-8”后重新上传")


def _recoded(content: bytes, encoding: str) -> Iterator[bytes]:
    """The pieces of a text as UTF-8, empty where they are UTF-8 already."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for first in range(0, len(content) + 1, PIECE_BYTES):
        piece = content[first : first + PIECE_BYTES]
        decoded = decoder.decode(piece, final=first + PIECE_BYTES > len(content))
        yield b"" if encoding == "utf-8" else decoded.encode()


def _kept(titles: list[str], columns: Sequence[BulkColumn]) -> dict[str, int]:
    """Which column of the file holds which of ours; in words why not, where the header does not fit."""
    known = {title: column.name for column in columns for title in (column.title, column.name)}
    errors: list[FieldError] = []
    kept: dict[str, int] = {}
    for at, title in enumerate(titles):
        if title in (LINE_TITLE, REASON_TITLE):
            continue
        name = known.get(title)
        if name is None:
            errors.append(FieldError(title, f"未知的列“{title}”" if title else f"第 {at + 1} 列没有表头"))
        elif name in kept:
            errors.append(FieldError(name, f"列“{title}”重复"))
        else:
            kept[name] = at
    errors += [
        FieldError(column.name, f"缺少列“{column.title}”")
        for column in columns
        if column.required and column.name not in kept
    ]
    if errors:
        raise InvalidFile("表头与模板不符；请下载模板核对", errors=errors)
    return kept


def _finished(rows: pl.DataFrame, columns: Sequence[BulkColumn], errors: list[FieldError]) -> BulkFile:
    names = [column.name for column in columns]
    missing = [pl.lit(None, pl.String).alias(name) for name in names if name not in rows.columns]
    rows = rows.with_columns(*missing).select(pl.col(LINE).cast(pl.Int64), *names)
    rows = rows.filter(pl.any_horizontal(pl.col(names).is_not_null()))
    rounded = {(error.line, error.field) for error in errors}
    for name in names:
        cell = pl.col(name)
        for wrong, reason in (
            (cell.str.contains(_SCIENTIFIC_SHAPE), _SCIENTIFIC),
            (cell.str.len_chars() > CELL_CHARACTERS_MAX, f"单元格超过 {CELL_CHARACTERS_MAX} 个字符"),
        ):
            found = rows.filter(wrong)[LINE].to_list()
            errors += [FieldError(name, reason, line) for line in found if (line, name) not in rounded]
    return BulkFile(tuple(columns), rows, tuple(sorted(errors, key=lambda error: error.line or 0)))
