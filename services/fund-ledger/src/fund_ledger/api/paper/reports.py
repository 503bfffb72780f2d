"""Which charts stand behind which report."""

from collections.abc import Sequence

from reportlab.graphics.shapes import Drawing

from fund_ledger.api.paper.charts import amounts_lines, months_bars, months_line, places_bars
from fund_ledger.api.tables import counties_of
from fund_ledger.usecases.months import Months
from fund_ledger.usecases.reports import Report


def month_charts(told: Months) -> list[Drawing]:
    """Income and expense, surplus and months of reserve; a single month makes no line."""
    months = [each.month for each in told.months]
    if not months:
        return []
    flows = {
        "收入": [each.income_fen for each in told.months],
        "支出": [each.expense_fen for each in told.months],
    }
    charts = [months_bars("各月收入与支出", months, flows)]
    if len(months) > 1:
        charts.append(amounts_lines("月末累计结余", months, {"结余": [each.surplus_fen for each in told.months]}))
        reserve = [float(each.reserve) if each.reserve else None for each in told.months]
        if any(each is not None for each in reserve):
            charts.append(months_line("基金可支付月数（月）", months, reserve, colour=2))
    return charts


def county_charts(report: Report) -> list[Drawing]:
    """A report that is split by county, as bars: income and expense, or assets and what the fund owns."""
    names = counties_of(report.pool)
    groups = [group for group in report.groups if group.county is not None]
    if len(groups) < 2:
        return []
    sections = _sections(report)
    series = {name: [group.totals.get(section, 0) for group in groups] for section, name in sections}
    title = "、".join(name for _, name in sections)
    return [places_bars(f"各县（市、区）{title}", [names.get(g.county or "", g.county or "") for g in groups], series)]


def _sections(report: Report) -> Sequence[tuple[str, str]]:
    if report.since is None:
        return (("asset", "资产"), ("balance", "净资产"))
    return (("income", "收入"), ("expense", "支出"))
