"""Reports as Excel files: amounts in yuan, as numbers, with the document that they rest on."""

import io

import xlsxwriter
from changhu_common.money import FEN_PER_YUAN

from fund_ledger.api.tables import Fen, Table

FIRST_ROW = 3


def workbook(*tables: Table) -> bytes:
    """Each table as a sheet of its own."""
    content = io.BytesIO()
    # Nothing is turned into a formula or a link: a title comes from a person.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        for table in tables:
            _write(book, table, None if len(tables) == 1 else table.title)
    return content.getvalue()


def _write(book: xlsxwriter.Workbook, table: Table, name: str | None) -> None:
    written = book.add_worksheet(name)
    bold = book.add_format({"bold": True})
    money = book.add_format({"num_format": "#,##0.00;[Red]-#,##0.00"})
    written.write_string(0, 0, f"{table.pool} {table.title} {table.days}", bold)
    written.write_string(1, 0, "单位：元")
    for column, each in enumerate(table.columns):
        written.write_string(FIRST_ROW - 1, column, each.heading, bold)
    for number, row in enumerate(table.rows, FIRST_ROW):
        for column, cell in enumerate(row.cells):
            if isinstance(cell, Fen):
                written.write_number(number, column, int(cell) / FEN_PER_YUAN, money)
            elif cell is not None:
                written.write_string(number, column, str(cell), bold if row.strong else None)
    anchor = [f"账簿锚 {table.anchor}"] if table.anchor else []
    for number, note in enumerate([*table.notes, *anchor], len(table.rows) + FIRST_ROW + 1):
        written.write_string(number, 0, note)
    written.freeze_panes(FIRST_ROW, 0)
    written.autofit()
