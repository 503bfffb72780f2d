"""A report as a document that somebody signs: what it is, of when, made when and by whom, and how to check it.

The anchor names the last entry of the chain that the report counts: whoever proves the books up to it,
and asks for the same report as of it, holds the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from changhu_common.periods import SHANGHAI
from changhu_policies import load_pack
from reportlab.graphics.shapes import Drawing

from fund_ledger.api.paper.font import wrapped
from fund_ledger.api.paper.grid import draw_table
from fund_ledger.api.paper.sheet import GREY, INNER, MARGIN, WIDTH, Edge, Sheets, placed, ruled
from fund_ledger.api.tables import Table

SIGNATURES: Final = ("制表", "复核", "负责人")
SIGNING_HEIGHT: Final = 46.0


@dataclass(frozen=True, slots=True)
class Made:
    """By whom a document was made, and when."""

    by: str
    at: datetime

    @property
    def time(self) -> str:
        return f"{self.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def printed(tables: Sequence[Table], made: Made, charts: Sequence[Drawing] = ()) -> bytes:
    """The document: the tables in order, the charts behind them, the signatures at the end."""
    first = tables[0]
    pool = f"{load_pack(first.pool).name}（{first.pool}）"
    anchor = f"账簿锚 {first.anchor}" if first.anchor else "账簿尚无记账"
    sheets = Sheets(Edge(left=f"{pool} {first.title}", right=first.days, below=anchor))
    _heading(sheets, first, pool, made, anchor)
    for number, table in enumerate(tables):
        if number:
            sheets.space(14)
            if not sheets.room(90):
                sheets.turn()
            sheets.text(f"{table.title}　{table.days}", size=11)
        draw_table(sheets, table)
        _notes(sheets, table.notes)
    for chart in charts:
        if not sheets.room(chart.height + 12):
            sheets.turn()
        sheets.space(12)
        sheets.draw(chart.height, placed(chart, y=sheets.y - chart.height))
    _signatures(sheets)
    return sheets.bound(f"{pool} {first.title} {first.days}")


def _heading(sheets: Sheets, table: Table, pool: str, made: Made, anchor: str) -> None:
    sheets.space(6)
    sheets.text(table.title, size=16, x=WIDTH / 2, align="middle")
    sheets.space(4)
    for left, right in (
        (f"统筹区：{pool}", f"期间：{table.days}"),
        (f"生成：{made.time}　{made.by}", "单位：元"),
    ):
        y = sheets.y
        sheets.text(left)
        sheets.y = y
        sheets.text(right, x=MARGIN + INNER, align="right")
    sheets.text(anchor, size=7, grey=GREY)
    sheets.space(4)


def _notes(sheets: Sheets, notes: Sequence[str]) -> None:
    sheets.space(4)
    for note in notes:
        for line in wrapped(note, width=INNER, size=7):
            if not sheets.room(11):
                sheets.turn()
            sheets.text(line, size=7, grey=GREY)


def _signatures(sheets: Sheets) -> None:
    if not sheets.room(SIGNING_HEIGHT):
        sheets.turn()
    sheets.space(26)
    y, width = sheets.y, INNER / len(SIGNATURES)
    for number, name in enumerate(SIGNATURES):
        x = MARGIN + number * width
        sheets.y = y
        sheets.text(f"{name}：", x=x)
        sheets.draw(0, ruled(y - 12, x=x + 40, width=width - 60, grey=GREY))
