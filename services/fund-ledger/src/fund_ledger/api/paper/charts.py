"""Charts on paper: bars by month and by county, lines for what stands at each month's end.

They are drawn, not pictures: every letter can be searched and nothing blurs. Only lengths are drawn
from fractions; every amount beside them is written from its whole fen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from changhu_common.money import in_unit, unit_of
from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.linecharts import HorizontalLineChart
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib.colors import HexColor

from fund_ledger.api.paper.font import font
from fund_ledger.api.paper.sheet import INNER

# Told apart by colour-blind readers too (Okabe and Ito).
COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
SIZE: Final = 7
HEIGHT: Final = 178.0
LEFT, BELOW, ABOVE = 52.0, 26.0, 30.0
LABELS_MAX: Final = 18  # so many names fit below an axis
BAR_POINTS: Final = 15.0
BARS_POINTS_MAX: Final = 600.0  # a page; the bars of more counties are thinner
NOTE_LEADING: Final = 9.5

Series = Mapping[str, Sequence[int]]


def months_bars(title: str, months: Sequence[str], series: Series) -> Drawing:
    """Amounts (fen) beside each other for each month."""
    unit, word = unit_of(fen for held in series.values() for fen in held)
    chart: Any = VerticalBarChart()
    chart.data = [[fen / unit for fen in held] for held in series.values()]
    chart.groupSpacing, chart.barSpacing = 6, 0
    for number in range(len(series)):
        chart.bars[number].fillColor = HexColor(COLOURS[number])
        chart.bars[number].strokeColor = None
    return _framed(f"{title}（{word}）", chart, months, list(series))


def months_line(title: str, months: Sequence[str], values: Sequence[float | None], *, colour: int = 0) -> Drawing:
    """One line over the months; where there is no value it has a gap."""
    return _lines(title, months, {title: values}, first_colour=colour)


def amounts_lines(title: str, months: Sequence[str], series: Series) -> Drawing:
    """Amounts (fen) as lines over months or years."""
    unit, word = unit_of(fen for held in series.values() for fen in held)
    return _lines(f"{title}（{word}）", months, {name: [fen / unit for fen in held] for name, held in series.items()})


def _lines(
    title: str, months: Sequence[str], series: Mapping[str, Sequence[float | None]], *, first_colour: int = 0
) -> Drawing:
    chart: Any = HorizontalLineChart()
    chart.data = [list(values) for values in series.values()]
    for number in range(len(series)):
        chart.lines[number].strokeColor = HexColor(COLOURS[first_colour + number])
        chart.lines[number].strokeWidth = 1.6
    chart.joinedLines = 1
    return _framed(title, chart, months, list(series))


def noted(drawing: Drawing, notes: Sequence[str]) -> Drawing:
    """The same chart with notes below it, so that they go wherever it goes."""
    height = NOTE_LEADING * len(notes)
    whole = Drawing(drawing.width, drawing.height + height)
    drawing.shift(0, height)
    whole.add(drawing)
    for number, note in enumerate(notes, 1):
        whole.add(String(0, height - NOTE_LEADING * number + 2, note, fontName=font(), fontSize=6.5))
    return whole


def places_bars(title: str, places: Sequence[str], series: Series) -> Drawing:
    """Amounts (fen) of each county, from the top, each written beside its bar."""
    unit, word = unit_of(fen for held in series.values() for fen in held)
    count = max(len(series), 1)
    drawing = Drawing(INNER, ABOVE + BELOW + min(BAR_POINTS * count * len(places), BARS_POINTS_MAX))
    chart: Any = HorizontalBarChart()
    # Such a chart counts from below, names and series alike.
    names = list(series)[::-1]
    chart.data = [[series[name][n] / unit for n in reversed(range(len(places)))] for name in names]
    chart.categoryAxis.categoryNames = list(reversed(places))
    chart.x, chart.y = LEFT + 40, BELOW
    chart.width, chart.height = INNER - chart.x - 80, drawing.height - ABOVE - BELOW
    chart.groupSpacing, chart.barSpacing = 5, 0
    for number in range(len(names)):
        chart.bars[number].fillColor = HexColor(COLOURS[len(series) - 1 - number])
        chart.bars[number].strokeColor = None
    chart.barLabelArray = [[in_unit(series[name][n], unit) for n in reversed(range(len(places)))] for name in names]
    chart.barLabelFormat = "values"
    chart.barLabels.fontName, chart.barLabels.fontSize = font(), SIZE
    chart.barLabels.boxAnchor, chart.barLabels.dx = "w", 3
    _axes(chart.categoryAxis, chart.valueAxis)
    drawing.add(chart)
    _title(drawing, f"{title}（{word}）")
    _legend(drawing, list(series))
    return drawing


def _framed(title: str, chart: Any, months: Sequence[str], names: Sequence[str]) -> Drawing:
    """A chart over months with its axes, title and legend."""
    drawing = Drawing(INNER, HEIGHT)
    chart.x, chart.y = LEFT, BELOW
    chart.width, chart.height = INNER - LEFT - 8, HEIGHT - ABOVE - BELOW
    step = -(-len(months) // LABELS_MAX)
    chart.categoryAxis.categoryNames = [month if n % step == 0 else "" for n, month in enumerate(months)]
    _axes(chart.categoryAxis, chart.valueAxis)
    drawing.add(chart)
    _title(drawing, title)
    _legend(drawing, names)
    return drawing


def _axes(categories: Any, values: Any) -> None:
    for axis in (categories, values):
        axis.labels.fontName, axis.labels.fontSize = font(), SIZE
        axis.strokeColor, axis.strokeWidth = HexColor("#333333"), 0.5
    categories.visibleTicks = 0
    categories.labelAxisMode = "low"  # beside everything, also beside what is negative
    values.labelTextFormat = "{:,.6g}".format
    values.visibleGrid, values.gridStrokeColor, values.gridStrokeWidth = 1, HexColor("#dddddd"), 0.4
    values.avoidBoundFrac = None
    values.forceZero = 1


def _title(drawing: Drawing, title: str) -> None:
    drawing.add(String(0, drawing.height - 11, title, fontName=font(), fontSize=9.5))


def _legend(drawing: Drawing, names: Sequence[str]) -> None:
    if len(names) < 2:
        return
    legend: Any = Legend()
    legend.x, legend.y = INNER, drawing.height - 2
    legend.boxAnchor, legend.alignment = "ne", "right"
    legend.fontName, legend.fontSize = font(), 8
    legend.dx, legend.dy, legend.dxTextSpace, legend.deltax = 7, 7, 4, 60
    legend.columnMaximum, legend.strokeWidth = 1, 0
    legend.colorNamePairs = [(HexColor(COLOURS[n]), name) for n, name in enumerate(names)]
    drawing.add(legend)
