"""A simulation as a picture: what each category owes now and then, and which county pays how much more.

Every amount is printed from its whole fen; only the lengths of the bars are drawn from fractions.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from changhu_common.money import in_unit, unit_of
from changhu_policies.vocabulary import CATEGORIES
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from changhu_standalone.cli.pictures import drawing, page, saved, table
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
    """The picture as PNG or SVG."""
    with drawing(NAME):
        counties = sorted({each["county"] for each in answer["by_category_and_county"]})
        figure = Figure(figsize=(11, 5.2 + COUNTY_INCHES * max(len(counties) - 4, 0)), layout="constrained")
        figure.suptitle(title_of(answer), fontsize=15)
        categories, places = figure.subplots(2, 1, height_ratios=[3, max(len(counties) * 0.7, 3)])
        _draw_categories(categories, answer)
        _draw_counties(places, answer, counties)
        return saved(figure, kind, notes_of(answer))


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


def as_page(answer: Mapping[str, Any], svg: str) -> str:
    """The tables and the picture for a reader without anything of ours."""
    tables = (
        ("按人员类别和县（市、区）", table(HEADINGS, rows_of(answer), words=2)),
        ("按资金来源", table(PAYER_HEADINGS, payer_rows(answer), words=1)),
    )
    return page(title=title_of(answer), notes=notes_of(answer), svg=svg, tables=tables)
