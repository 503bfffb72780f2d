"""The charts of a projection, with what it assumes written below them."""

from collections.abc import Iterator

from reportlab.graphics.shapes import Drawing

from fund_ledger.api.paper.charts import amounts_lines, months_bars, noted
from fund_ledger.api.paper.font import wrapped
from fund_ledger.api.paper.sheet import INNER
from fund_ledger.api.projection_tables import SCHEME_NAMES, chart_notes, flows_of, schemes_shown
from fund_ledger.domain.assumptions import VARIANTS
from fund_ledger.domain.projected import Projected

NOTE_SIZE = 6.5


def projection_charts(found: Projected) -> Iterator[Drawing]:
    """Balances under each variant, of the whole fund and scheme by scheme; income and expense of the middle."""
    notes = [line for note in chart_notes(found) for line in wrapped(note, width=INNER, size=NOTE_SIZE)]
    for scheme in schemes_shown(found):
        years = [str(each.year) for each in flows_of(found.courses[0], scheme)]
        series = {
            VARIANTS[course.variant]: [each.balance_fen for each in flows_of(course, scheme)]
            for course in found.courses
        }
        yield noted(amounts_lines(f"{SCHEME_NAMES[scheme]}年末结余", years, series), notes)
    (middle,) = (course for course in found.courses if course.variant == "middle")
    flows = {
        "收入": [each.income_fen for each in middle.totals],
        "支出": [each.expense_fen for each in middle.totals],
    }
    yield noted(months_bars("中方案各年收入与支出", [str(each.year) for each in middle.totals], flows), notes)
