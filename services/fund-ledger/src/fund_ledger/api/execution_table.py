"""The execution of a budget as a table: each line, and under it its books month by month."""

from collections.abc import Iterator, Mapping

from changhu_policies.accounting import chart
from changhu_policies.vocabulary import SCHEMES

from fund_ledger.api.tables import Column, Fen, Row, Table, amount, counties_of
from fund_ledger.domain.budget_rows import EVERY, WHOLE
from fund_ledger.domain.execution import STATES, LineExecution
from fund_ledger.usecases.executions import Execution

KINDS = {"income": "收入合计", "expense": "支出合计"}


def execution_table(told: Execution) -> Table:
    columns = [
        Column("科目", 7),
        Column("名称", 18),
        Column("县（市、区）", 11),
        Column("险种人群", 9),
        Column("月份", 8),
        amount("预算", 16),
        amount("已占用", 15),
        amount("已支付（收到）", 16),
        amount("可用", 16),
        Column("执行率", 8, numbers=True),
        Column("状态", 7),
    ]
    names = counties_of(told.pool)
    rows = [row for line in told.lines for row in _rows(line, names)]
    for total in told.totals:
        figures = (total.budget_fen, total.reserved_fen, total.spent_fen, total.free_fen)
        rows.append(Row(["", KINDS[total.kind], "", "", "", *map(_fen, figures), total.percent, ""], strong=True))
    version = f"第 {told.version} 版" if told.version else "无预算"
    notes = [
        *(f"{each.parameter} = {each.value}（{each.status}，{each.clause}）{each.reading}" for each in told.rules),
        *told.notes,
    ]
    return Table("预算执行情况", told.pool, f"{told.year} 年（{version}）截至 {told.on}", columns, rows, notes)


def _rows(line: LineExecution, names: Mapping[str, str]) -> Iterator[Row]:
    county = WHOLE if line.county is None else names.get(line.county, line.county)
    figures = (line.budget_fen, line.reserved_fen, line.spent_fen, line.free_fen)
    head = [line.account, chart().accounts[line.account].name, county, _scheme(line.scheme), ""]
    yield Row([*head, *map(_fen, figures), line.percent, STATES[line.state]], strong=True)
    for book in line.books:
        for month in book.months:
            place = ["", "", names.get(book.county, book.county), _scheme(book.scheme), month.month]
            yield Row([*place, None, Fen(month.reserved_fen), Fen(month.spent_fen), None, None, None])


def _scheme(scheme: str | None) -> str:
    return SCHEMES.get(scheme, scheme) if scheme else EVERY


def _fen(fen: int | None) -> Fen | None:
    return None if fen is None else Fen(fen)
