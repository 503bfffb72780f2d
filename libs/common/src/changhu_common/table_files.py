"""A table goes out as texts: no cell becomes a formula when the file is opened, and no number loses digits."""

import csv
import io
from collections.abc import Iterable
from typing import Literal

import polars as pl
import xlsxwriter

from changhu_common.bulk_files import LINE, LINE_TITLE, REASON_TITLE, BulkFile
from changhu_common.errors import FieldError

# What makes a spreadsheet take a cell for a formula when it opens a CSV.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def error_file(file: BulkFile, errors: Iterable[FieldError] = (), *, form: Literal["xlsx", "csv"]) -> bytes:
    """The rows with an error, each with its line and reasons, to be corrected and sent again as they are.

    `errors` are the caller's own, besides those of reading. No cell becomes a formula when the file is opened.
    """
    titles = {column.name: column.title for column in file.columns}
    reasons: dict[int, list[str]] = {}
    for error in (*file.errors, *errors):
        where = titles.get(error.field)
        reasons.setdefault(error.line or 0, []).append(f"{where}：{error.reason}" if where else error.reason)
    bad = file.rows.filter(pl.col(LINE).is_in(list(reasons)))
    head = (LINE_TITLE, *titles.values(), REASON_TITLE)
    lines = ((str(line), *(cell or "" for cell in cells), "；".join(reasons[line])) for line, *cells in bad.iter_rows())
    return table_file(head, lines, form=form, sheet="错误")


def table_file(
    head: tuple[str, ...], lines: Iterable[tuple[str, ...]], *, form: Literal["xlsx", "csv"], sheet: str
) -> bytes:
    """A table for a clerk or another office; every cell is a text, so that no number loses digits."""
    return _xlsx(head, lines, sheet) if form == "xlsx" else _csv(head, lines)


def _xlsx(head: tuple[str, ...], lines: Iterable[tuple[str, ...]], name: str) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "constant_memory": True}) as book:
        # Text cells: no formula, and a number that is corrected by hand keeps its digits.
        text = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet(name)
        sheet.set_column(0, len(head) - 1, 20, text)
        for row, cells in enumerate((head, *lines)):
            for at, cell in enumerate(cells):
                sheet.write_string(row, at, cell[:32_767], text)
    return buffer.getvalue()


def _csv(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(head)
    writer.writerows([f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in line] for line in lines)
    return buffer.getvalue().encode("utf-8-sig")
