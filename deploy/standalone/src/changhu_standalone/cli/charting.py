"""A simulation as a picture: what each category owes now and then, and which county pays how much more.

Every amount is printed from its whole fen; only the lengths of the bars are drawn from fractions.
The Chinese font comes with a package, so that a picture looks alike on every machine and nothing is fetched.
"""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from changhu_common.money import in_unit, unit_of
from changhu_policies.vocabulary import CATEGORIES
from fontTools.subset import Options, Subsetter, load_font, save_font
from fund_ledger.api.paper.font import font_path
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager

from changhu_standalone.cli.simulating import (
    HEADINGS,
    PAYER_HEADINGS,
    notes_of,
    payer_rows,
    rows_of,
    summed,
    title_of,
)

NAME: Final = "simulation"  # simulation-211100-2026.png, .html

# Told apart by colour-blind readers too (Okabe and Ito); grey is what holds now.
NOW, DRAFT = "#8a8f98", "#0072b2"
COLOURS: Final = dict(zip(CATEGORIES, ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"), strict=True))

COUNTY_INCHES: Final = 0.32  # the height that a county's bar and name take


def write(answer: Mapping[str, Any], folder: Path) -> list[Path]:
    """The picture as PNG, and a page with the picture and the tables that needs nothing beside itself."""
    folder.mkdir(parents=True, exist_ok=True)
    png, page = (folder / f"{NAME}-{answer['pool']}-{answer['year']}.{kind}" for kind in ("png", "html"))
    png.write_bytes(drawn(answer, "png"))
    page.write_text(as_page(answer, drawn(answer, "svg").decode()), encoding="utf-8")
    return [png, page]


def drawn(answer: Mapping[str, Any], kind: str) -> bytes:
    """The picture; in an SVG letters are outlines, so that no reader needs the font, and it is the same each time."""
    path = str(font_path())
    fontManager.addfont(path)
    family = FontProperties(fname=path).get_name()
    settings: Any = {"font.family": [family], "axes.unicode_minus": False, "svg.fonttype": "path", "svg.hashsalt": NAME}
    with rc_context(settings):
        counties = sorted({each["county"] for each in answer["by_category_and_county"]})
        figure = Figure(figsize=(11, 5.2 + COUNTY_INCHES * max(len(counties) - 4, 0)), layout="constrained")
        figure.suptitle(title_of(answer), fontsize=15)
        categories, places = figure.subplots(2, 1, height_ratios=[3, max(len(counties) * 0.7, 3)])
        _draw_categories(categories, answer)
        _draw_counties(places, answer, counties)
        figure.text(0.01, -0.02, "\n".join(notes_of(answer)), fontsize=8, color="#555", va="top")
        picture = io.BytesIO()
        told = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(picture, format=kind, dpi=150, bbox_inches="tight", metadata=told)
    return picture.getvalue()


def _draw_categories(axes: Axes, answer: Mapping[str, Any]) -> None:
    places = answer["by_category_and_county"]
    there = [name for name in CATEGORIES if any(each["category"] == name for each in places)]
    sums = [summed(each for each in places if each["category"] == name) for name in there]
    unit, word = unit_of(fen for each in sums for fen in (each["due_fen"], each["draft_fen"]))
    for shift, member, label, colour in ((-0.2, "due_fen", "现行", NOW), (0.2, "draft_fen", "草案", DRAFT)):
        fens = [each[member] for each in sums]
        bars = axes.barh([n + shift for n in range(len(there))], _lengths(fens, unit), 0.36, label=label, color=colour)
        axes.bar_label(bars, [in_unit(fen, unit) for fen in fens], padding=4, fontsize=9)
    axes.set_yticks(range(len(there)), [CATEGORIES[name] for name in there])
    axes.invert_yaxis()
    axes.set_title(f"各类人员应缴额（{word}）", loc="left", fontsize=11)
    _tidy(axes)


def _draw_counties(axes: Axes, answer: Mapping[str, Any], counties: Sequence[str]) -> None:
    places = {(each["category"], each["county"]): each for each in answer["by_category_and_county"]}
    names = {each["county"]: each["county_name"] for each in places.values()}
    difference = {at: each["difference_fen"] for at, each in places.items()}
    totals = [sum(fen for (_, county), fen in difference.items() if county == at) for at in counties]
    unit, word = unit_of(totals)
    # More to the right and less to the left of zero, each category after the one before.
    right, left = [0] * len(counties), [0] * len(counties)
    for category, name in CATEGORIES.items():
        fens = [difference.get((category, county), 0) for county in counties]
        if not any((category, county) in places for county in counties):
            continue
        starts = [right[n] if fen >= 0 else left[n] for n, fen in enumerate(fens)]
        axes.barh(
            range(len(counties)), _lengths(fens, unit), 0.7,
            left=_lengths(starts, unit), label=name, color=COLOURS[category],
        )  # fmt: skip
        right = [at + max(fen, 0) for at, fen in zip(right, fens, strict=True)]
        left = [at + min(fen, 0) for at, fen in zip(left, fens, strict=True)]
    for number, total in enumerate(totals):
        place = right[number] if total >= 0 else left[number]
        axes.annotate(
            f"合计 {in_unit(total, unit, signed=True)}",
            (_lengths([place], unit)[0], number), (4 if total >= 0 else -4, 0),
            textcoords="offset points", va="center", ha="left" if total >= 0 else "right", fontsize=9,
        )  # fmt: skip
    axes.axvline(0, color="#333", linewidth=0.8)
    axes.set_yticks(range(len(counties)), [names[county] for county in counties])
    axes.invert_yaxis()
    axes.set_title(f"各县（市、区）的差额：草案减现行（{word}）", loc="left", fontsize=11)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#ddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _lengths(amounts: Iterable[int], unit: int) -> list[float]:
    return [fen / unit for fen in amounts]


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
<h2>按人员类别和县（市、区）</h2>
{places}
<h2>按资金来源</h2>
{payers}
</body>
</html>
"""


def as_page(answer: Mapping[str, Any], svg: str) -> str:
    """A page for a reader without anything of ours, not even a Chinese font."""
    told = {
        "title": escape(title_of(answer)),
        "notes": "\n".join(f'<p class="notes">{escape(note)}</p>' for note in notes_of(answer)),
        "places": _table(HEADINGS, rows_of(answer), words=2),
        "payers": _table(PAYER_HEADINGS, payer_rows(answer), words=1),
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


def _table(headings: Sequence[str], rows: Iterator[tuple[str, ...]], *, words: int) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        told = (
            f"<{tag}{' class=number' if number >= words else ''}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return "".join(told)

    body = "\n".join(
        f"<tr{' class=sum' if row[0] == '合计' or '小计' in row else ''}>{line(row, 'td')}</tr>" for row in rows
    )
    return f"<table>\n<thead><tr>{line(headings, 'th')}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
