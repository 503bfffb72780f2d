"""A sheet of paper that fills from the top, one drawing after another, and becomes two where it is full.

What stands on every page (head, foot, `page x of y`) is drawn last, when it is known how many there are.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from fund_ledger.api.paper.font import font, width_of

WIDTH: Final[float] = A4[0]
HEIGHT: Final[float] = A4[1]
MARGIN: Final = 40.0
INNER: Final = WIDTH - 2 * MARGIN
TOP: Final = HEIGHT - MARGIN - 22  # below the line that every page begins with
BOTTOM: Final = MARGIN + 26  # above the one that it ends with

INK, GREY, RULE, SHADE = 0.13, 0.4, 0.75, 0.94

Drawing = Callable[[Canvas], None]


@dataclass(frozen=True, slots=True)
class Edge:
    """What stands on every page: on top `left` and `right`, at the foot `below` beside the page's number."""

    left: str
    right: str
    below: str


class Sheets:
    """Pages on which something is drawn at the height that was reached."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._pages: list[list[Drawing]] = [[]]
        self.y: float = TOP

    def room(self, height: float) -> bool:
        """Whether so much fits on what is left of the page."""
        return self.y - height >= BOTTOM

    def turn(self) -> None:
        self._pages.append([])
        self.y = TOP

    def draw(self, height: float, drawing: Drawing) -> None:
        """Put a drawing that is so high at the height that was reached."""
        self._pages[-1].append(drawing)
        self.y -= height

    def space(self, height: float) -> None:
        self.y -= height

    def text(self, text: str, *, size: float = 9, x: float = MARGIN, align: str = "left", grey: float = INK) -> None:
        """One line of text at the height that was reached."""
        self.draw(size * 1.5, written(text, x=x, y=self.y - size, size=size, align=align, grey=grey))

    def bound(self, title: str) -> bytes:
        """The document. The same drawings make the same bytes."""
        content = io.BytesIO()
        canvas = Canvas(content, pagesize=A4, invariant=1, lang="zh-CN")
        canvas.setTitle(title)
        canvas.setCreator("Changhu")
        for number, page in enumerate(self._pages, 1):
            for drawing in (*self._frame(number), *page):
                drawing(canvas)
            canvas.showPage()
        canvas.save()
        return content.getvalue()

    def _frame(self, number: int) -> Sequence[Drawing]:
        top, foot = HEIGHT - MARGIN, MARGIN + 12
        edge = self._edge
        return (
            written(edge.left, x=MARGIN, y=top - 8, size=8, grey=GREY),
            written(edge.right, x=MARGIN + INNER, y=top - 8, size=8, align="right", grey=GREY),
            ruled(top - 13),
            ruled(foot),
            written(edge.below, x=MARGIN, y=foot - 10, size=6, grey=GREY),
            written(
                f"第 {number} 页 共 {len(self._pages)} 页",
                x=MARGIN + INNER, y=foot - 10, size=8, align="right", grey=GREY,
            ),
        )  # fmt: skip


def written(text: str, *, x: float, y: float, size: float, align: str = "left", grey: float = INK) -> Drawing:
    """A text whose left end, middle or right end is at `x`."""
    begins = x - {"left": 0.0, "middle": 0.5, "right": 1.0}[align] * width_of(text, size)

    def draw(canvas: Canvas) -> None:
        canvas.setFont(font(), size)
        canvas.setFillGray(grey)
        canvas.drawString(begins, y, text)

    return draw


def ruled(y: float, *, x: float = MARGIN, width: float = INNER, grey: float = RULE) -> Drawing:
    """A thin line across."""

    def draw(canvas: Canvas) -> None:
        canvas.setStrokeGray(grey)
        canvas.setLineWidth(0.5)
        canvas.line(x, y, x + width, y)

    return draw


def shaded(y: float, height: float, *, x: float = MARGIN, width: float = INNER) -> Drawing:
    """A pale ground for what is written next."""

    def draw(canvas: Canvas) -> None:
        canvas.setFillGray(SHADE)
        canvas.rect(x, y, width, height, stroke=0, fill=1)

    return draw


def placed(shapes: Any, *, y: float) -> Drawing:
    """A chart with its lower edge at `y`."""
    return lambda canvas: shapes.drawOn(canvas, MARGIN, y)
