"""A table on paper: its head stands on every page, and a page takes over what the one before it came to.

At the foot of a page that is not the last stands what the rows came to so far (过次页), on top of the
next one the same (承前页), so that no page must be believed without the one before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from changhu_common.money import yuan

from fund_ledger.api.paper.font import wrapped
from fund_ledger.api.paper.sheet import INNER, MARGIN, Drawing, Sheets, ruled, shaded, written
from fund_ledger.api.tables import Column, Fen, Row, Table

SIZE: Final = 8.0
SMALL: Final = 7.0
COLUMNS_AT_SIZE_MAX: Final = 7  # with more of them an amount of ten digits would not fit
LEADING: Final = 10.5
PADDING: Final = 3.0
CARRIED_OVER, BROUGHT_FORWARD = "过次页", "承前页"


@dataclass(frozen=True, slots=True)
class _Cell:
    lines: Sequence[str]
    right: bool


def draw_table(sheets: Sheets, table: Table) -> None:
    """Fill sheets with a table."""
    grid = _Grid(sheets, table.columns)
    grid.head()
    for row in table.rows:
        grid.row(row)
    sheets.draw(0, ruled(sheets.y))


class _Grid:
    def __init__(self, sheets: Sheets, columns: Sequence[Column]) -> None:
        self._sheets, self._columns = sheets, columns
        whole = sum(column.width for column in columns)
        self._size = SIZE if len(columns) <= COLUMNS_AT_SIZE_MAX else SMALL
        self._widths = [INNER * column.width / whole for column in columns]
        self._sums: list[int | None] = [None] * len(columns)
        self._carries = any(column.carried != "no" for column in columns)
        self._empty = True  # nothing to carry over yet

    def head(self) -> None:
        cells = [self._cell(each.heading, each, width) for each, width in zip(self._columns, self._widths, strict=True)]
        self._draw(cells, strong=True)

    def row(self, row: Row) -> None:
        cells = [
            self._cell(cell, column, width)
            for cell, column, width in zip(row.cells, self._columns, self._widths, strict=True)
        ]
        # A page always keeps room for what it carries over.
        if not self._sheets.room(_height(cells) + (_height(cells[:0]) if self._carries else 0)):
            self._turn()
        self._draw(cells, strong=row.strong)
        self._count(row)

    def _turn(self) -> None:
        if self._carries and not self._empty:
            self._draw(list(self._carried(CARRIED_OVER)), strong=True)
        self._sheets.draw(0, ruled(self._sheets.y))
        self._sheets.turn()
        self.head()
        if self._carries and not self._empty:
            self._draw(list(self._carried(BROUGHT_FORWARD)), strong=True)

    def _carried(self, said: str) -> Iterator[_Cell]:
        # The words stand in the last column before the first sum, where the eye comes from.
        place = next(n for n, column in enumerate(self._columns) if column.carried != "no") - 1
        for number, (column, fen) in enumerate(zip(self._columns, self._sums, strict=True)):
            if column.carried == "no" or fen is None:
                yield _Cell([said if number == place else ""], right=False)
            else:
                yield _Cell([yuan(fen)], right=True)

    def _count(self, row: Row) -> None:
        self._empty = False
        for number, (column, cell) in enumerate(zip(self._columns, row.cells, strict=True)):
            if isinstance(cell, Fen):
                if column.carried == "last":
                    self._sums[number] = int(cell)
                elif column.carried == "sum" and not row.strong:
                    self._sums[number] = (self._sums[number] or 0) + int(cell)

    def _draw(self, cells: Sequence[_Cell], *, strong: bool) -> None:
        height, top = _height(cells), self._sheets.y
        drawings: list[Drawing] = [shaded(top - height, height)] if strong else []
        drawings.append(ruled(top))
        x = MARGIN
        for cell, width in zip(cells, self._widths, strict=True):
            for number, line in enumerate(cell.lines):
                y = top - PADDING - SIZE - number * LEADING + 1
                at = x + width - PADDING if cell.right else x + PADDING
                if line:
                    drawings.append(written(line, x=at, y=y, size=self._size, align="right" if cell.right else "left"))
            x += width
        for drawing in drawings:
            self._sheets.draw(0, drawing)
        self._sheets.space(height)

    def _cell(self, cell: Any, column: Column, width: float) -> _Cell:
        if isinstance(cell, Fen):
            return _Cell([yuan(cell)], right=True)
        text = "" if cell is None else str(cell)
        return _Cell(wrapped(text, width=width - 2 * PADDING, size=self._size), right=column.numbers)


def _height(cells: Sequence[_Cell]) -> float:
    return LEADING * max((len(cell.lines) for cell in cells), default=1) + PADDING
