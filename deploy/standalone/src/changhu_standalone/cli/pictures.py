"""Pictures and pages for a reader without anything of ours: no network, no Chinese font, no viewer of its own.

The font comes with a package, so that a picture looks alike on every machine; in an SVG letters are
outlines, and a page carries the letters that it uses. The same answer makes the same bytes.
"""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, Final

from fontTools.subset import Options, Subsetter, load_font, save_font
from fund_ledger.api.paper.font import font_path
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager

SUMS: Final = ("合计", "小计")


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Whatever is drawn inside is written in our font; `salt` makes the names inside an SVG."""
    path = str(font_path())
    fontManager.addfont(path)
    family = FontProperties(fname=path).get_name()
    settings: Any = {"font.family": [family], "axes.unicode_minus": False, "svg.fonttype": "path", "svg.hashsalt": salt}
    with rc_context(settings):
        yield


def saved(figure: Figure, kind: str, notes: Sequence[str] = ()) -> bytes:
    """The figure as PNG or SVG, the notes below it."""
    figure.text(0.01, -0.02, "\n".join(notes), fontsize=8, color="#555", va="top")
    picture = io.BytesIO()
    told = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(picture, format=kind, dpi=150, bbox_inches="tight", metadata=told)
    return picture.getvalue()


_PAGE: Final = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
@font-face {{ font-family: "Changhu"; src: url(data:font/woff;base64,{font}); }}
body {{ font: 15px/1.6 "Changhu", sans-serif; color: #222; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; }}
.number {{ text-align: right; }}
tr.sum {{ font-weight: 600; background: #f6f7f9; }}
.notes {{ color: #555; font-size: .9rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{notes}
{picture}
{tables}
</body>
</html>
"""


def page(*, title: str, notes: Sequence[str], svg: str, tables: Iterable[tuple[str, str]]) -> str:
    """A page that needs nothing beside itself."""
    told = {
        "title": escape(title),
        "notes": "\n".join(f'<p class="notes">{escape(note)}</p>' for note in notes),
        "tables": "\n".join(f"<h2>{escape(heading)}</h2>\n{written}" for heading, written in tables),
    }
    letters = _PAGE + "".join(told.values())
    return _PAGE.format(picture=svg[svg.index("<svg") :], font=_font_of(letters), **told)


def _font_of(letters: str) -> str:
    """The font with these letters alone, in base64: thousands of others would only make the page heavy."""
    options = Options(flavor="woff", notdef_outline=True)
    font = load_font(str(font_path()), options)
    subsetter = Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    written = io.BytesIO()
    save_font(font, written, options)
    return b64encode(written.getvalue()).decode()


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, words: int) -> str:
    """Rows with so many words before the numbers; a sum stands out."""

    def line(cells: Sequence[str], tag: str) -> str:
        told = (
            f"<{tag}{' class=number' if number >= words else ''}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return "".join(told)

    body = "\n".join(
        f"<tr{' class=sum' if any(word in row for word in SUMS) else ''}>{line(row, 'td')}</tr>" for row in rows
    )
    return f"<table>\n<thead><tr>{line(headings, 'th')}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
