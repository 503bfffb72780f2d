"""A projection as files: JSON, a workbook, a document to be signed, a picture, a page. Each says what it assumes."""

import getpass
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from changhu_common.money import in_unit, unit_of, yuan
from fund_ledger.api.paper.font import wrapped
from fund_ledger.api.paper.print import Made, printed
from fund_ledger.api.paper.projections import projection_charts
from fund_ledger.api.projection_tables import (
    SCHEME_NAMES,
    TITLE,
    chart_notes,
    flows_of,
    schemes_shown,
    tables_of,
)
from fund_ledger.api.sheets import workbook
from fund_ledger.api.tables import Fen, Table
from fund_ledger.domain.assumptions import VARIANTS
from fund_ledger.domain.course import TOTAL
from fund_ledger.domain.projected import Projected
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from changhu_standalone.cli.pictures import drawing, page, saved, table

NAME: Final = "projection"  # projection-211100-2027.json, .xlsx, .pdf, .png, .html

# Told apart by colour-blind readers too (Okabe and Ito), and by their dashes.
STYLES: Final = {"low": ("#d55e00", "--"), "middle": ("#0072b2", "-"), "high": ("#009e73", ":")}
IN, OUT = "#0072b2", "#e69f00"
PANEL_INCHES: Final = 3.2
NOTE_POINTS: Final = 660.0  # as wide as the panels
NOTE_SIZE: Final = 8.0


def write(found: Projected, answer: Mapping[str, Any], folder: Path) -> list[Path]:
    """All files, by the same name with different endings."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = tables_of(found)
    made = Made(getpass.getuser(), found.made_at)
    contents = {
        "json": json.dumps(answer, ensure_ascii=False, indent=2).encode(),
        "xlsx": workbook(*tables),
        "pdf": printed(tables, made, list(projection_charts(found))),
        "png": drawn(found, "png"),
        "html": as_page(found, drawn(found, "svg").decode()).encode(),
    }
    paths = []
    for kind, content in contents.items():
        path = folder / f"{NAME}-{found.pool}-{found.basis.first_year}.{kind}"
        path.write_bytes(content)
        paths.append(path)
    return paths


def drawn(found: Projected, kind: str) -> bytes:
    """Balances under each variant, of the fund and each scheme; the middle's income and expense. As PNG or SVG."""
    schemes = schemes_shown(found)
    with drawing(NAME):
        figure = Figure(figsize=(11, PANEL_INCHES * (len(schemes) + 1)), layout="constrained")
        figure.suptitle(f"{found.name} {found.days} {TITLE}", fontsize=15)
        *balances, flows = figure.subplots(len(schemes) + 1, 1)
        for axes, scheme in zip(balances, schemes, strict=True):
            _draw_balances(axes, found, scheme)
        _draw_flows(flows, found)
        notes = [wrapped(note, width=NOTE_POINTS, size=NOTE_SIZE) for note in chart_notes(found, whole=True)]
        return saved(figure, kind, [line for lines in notes for line in lines])


def _draw_balances(axes: Axes, found: Projected, scheme: str) -> None:
    held = {course.variant: flows_of(course, scheme) for course in found.courses}
    unit, word = unit_of(each.balance_fen for flows in held.values() for each in flows)
    for course in found.courses:
        colour, dashes = STYLES[course.variant]
        flows = held[course.variant]
        years = [each.year for each in flows]
        lengths = [each.balance_fen / unit for each in flows]
        axes.plot(years, lengths, color=colour, linestyle=dashes, linewidth=2, label=VARIANTS[course.variant])
        out = course.runs_out(None if scheme == TOTAL else scheme)
        if out is not None:
            axes.plot([out], [lengths[out - years[0]]], marker="v", color=colour)
            axes.annotate(
                f"{out} 年用尽", (out, lengths[out - years[0]]), (6, 6), textcoords="offset points", fontsize=9
            )
        axes.annotate(
            in_unit(flows[-1].balance_fen, unit), (years[-1], lengths[-1]), (4, 0),
            textcoords="offset points", va="center", fontsize=8, color=colour,
        )  # fmt: skip
    axes.axhline(0, color="#333", linewidth=0.8)
    axes.set_title(f"{SCHEME_NAMES[scheme]}年末结余（{word}）", loc="left", fontsize=11)
    _tidy(axes)


def _draw_flows(axes: Axes, found: Projected) -> None:
    (middle,) = (course for course in found.courses if course.variant == "middle")
    unit, word = unit_of(fen for each in middle.totals for fen in (each.income_fen, each.expense_fen))
    years = [each.year for each in middle.totals]
    for shift, label, colour, amounts in (
        (-0.2, "收入", IN, [each.income_fen for each in middle.totals]),
        (0.2, "支出", OUT, [each.expense_fen for each in middle.totals]),
    ):
        axes.bar([year + shift for year in years], [fen / unit for fen in amounts], 0.38, label=label, color=colour)
    axes.set_title(f"中方案各年收入与支出（{word}）", loc="left", fontsize=11)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#ddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.06, 1.0), frameon=False)


def as_page(found: Projected, svg: str) -> str:
    """The picture with every table, the assumptions among them."""
    outcome, *others = tables_of(found)
    return page(
        title=f"{found.name} {found.days} {TITLE}",
        notes=[*outcome.notes, *([f"账簿锚 {found.anchor}"] if found.anchor else [])],
        svg=svg,
        tables=[(f"{each.title}（金额单位：元）", _html(each)) for each in (outcome, *others)],
    )


def _html(shown: Table) -> str:
    words = next((n for n, column in enumerate(shown.columns) if column.numbers), len(shown.columns))
    return table([column.heading for column in shown.columns], list(written_rows(shown)), words=words)


def written_rows(shown: Table) -> Sequence[Sequence[str]]:
    """A table's cells as a reader sees them."""
    return [
        ["" if cell is None else yuan(cell) if isinstance(cell, Fen) else str(cell) for cell in row.cells]
        for row in shown.rows
    ]
