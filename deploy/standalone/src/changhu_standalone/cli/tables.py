"""Answers for a reader: yuan instead of fen, Chinese words instead of codes, reasons beside amounts."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from assessment.domain.grading import BAND_NAMES
from changhu_common.money import yuan
from changhu_policies import scales
from changhu_policies.vocabulary import PAYERS, STATUSES
from rich.console import Console
from rich.table import Table


def new_table(*headings: str, title: str | None = None, show_lines: bool = False) -> Table:
    table = Table(title=title, show_lines=show_lines)
    for heading in headings:
        table.add_column(heading, overflow="fold")  # a clause cut short is no citation
    return table


def put(*things: Any) -> None:
    console = Console(highlight=False)
    for thing in things:
        console.print(thing, markup=False) if isinstance(thing, str) else console.print(thing)


def print_grade(answer: Mapping[str, Any]) -> None:
    scale = scales()[answer["scale"]]
    table = new_table("维度", "总分", "分档", title=f"{answer['grade']}级 {scale.grades[answer['grade']]}")
    for dimension in scale.dimensions:
        band = BAND_NAMES[answer["bands"][dimension.key]]
        table.add_row(dimension.name, str(answer["totals"][dimension.key]), band)
    put(table, *(f"· {reason}" for reason in answer["reasons"]), f"等级表：{STATUSES[answer['status']]}")


def print_contribution(answer: Mapping[str, Any]) -> None:
    title = f"{answer['pool']} {answer['period']} 应缴{yuan(answer['due_fen'])}元"
    table = new_table("来源", "金额（元）", "条款", "依据", title=title)
    for part in answer["parts"]:
        table.add_row(PAYERS[part["payer"]], yuan(part["fen"]), part["clause"], STATUSES[part["status"]])
    put(table, *_beside(answer), f"政策版本 {answer['pack_version']}")


def print_month(answer: Mapping[str, Any]) -> None:
    table = new_table("服务", "费用", "基金", "个人", "理由", title=f"{answer['pool']} {answer['month']}")
    for line in answer["lines"]:
        reasons = "\n".join(
            f"{each['text']}（{each['clause']}，{STATUSES[each['status']]}）" for each in line["findings"]
        )
        amounts = (yuan(line[name]) for name in ("cost_fen", "fund_fen", "person_fen"))
        table.add_row(line["id"], *amounts, reasons)
    table.add_section()
    table.add_row("合计", *(yuan(answer[name]) for name in ("cost_fen", "fund_fen", "person_fen")), "")
    limit = answer["limit_fen"]
    left = "没有适用的限额" if limit is None else f"限额{yuan(limit)}元，余{yuan(answer['limit_left_fen'])}元"
    put(table, *_beside(answer), f"{left}；政策版本 {answer['pack_version']}")


def _beside(answer: Mapping[str, Any]) -> list[str]:
    """That a draft answered, and what was read into the document to answer."""
    draft = [f"按征求意见稿试算，尚未施行：{answer['document']}"] if answer.get("draft") else []
    return [*draft, *(f"·{reading}" for reading in answer.get("readings", ()))]


PRINTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = {
    "grade": print_grade,
    "contribution": print_contribution,
    "month": print_month,
}
