"""Answers for a reader: yuan instead of fen, Chinese words instead of codes, reasons beside amounts."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from assessment.domain.grading import BAND_NAMES
from changhu_common.money import yuan
from changhu_policies import scales
from changhu_policies.vocabulary import CATEGORIES, MARKS, MODES, OTHER_BENEFITS, PAYERS, SHARES, STATISTICS, STATUSES
from rich.console import Console
from rich.table import Table

_WORDS: Final[Mapping[str, str]] = {
    **CATEGORIES, **MODES, **SHARES, **OTHER_BENEFITS, **PAYERS, **MARKS, **STATISTICS,
}  # fmt: skip


def _table(*headings: str, title: str | None = None, show_lines: bool = False) -> Table:
    table = Table(title=title, show_lines=show_lines)
    for heading in headings:
        table.add_column(heading, overflow="fold")  # a clause cut short is no citation
    return table


def _print(*things: Any) -> None:
    console = Console(highlight=False)
    for thing in things:
        console.print(thing, markup=False) if isinstance(thing, str) else console.print(thing)


def print_grade(answer: Mapping[str, Any]) -> None:
    scale = scales()[answer["scale"]]
    table = _table("维度", "总分", "分档", title=f"{answer['grade']}级 {scale.grades[answer['grade']]}")
    for dimension in scale.dimensions:
        band = BAND_NAMES[answer["bands"][dimension.key]]
        table.add_row(dimension.name, str(answer["totals"][dimension.key]), band)
    _print(table, *(f"· {reason}" for reason in answer["reasons"]), f"等级表：{STATUSES[answer['status']]}")


def print_contribution(answer: Mapping[str, Any]) -> None:
    title = f"{answer['pool']} {answer['period']} 应缴{yuan(answer['due_fen'])}元"
    table = _table("来源", "金额（元）", "条款", "依据", title=title)
    for part in answer["parts"]:
        table.add_row(PAYERS[part["payer"]], yuan(part["fen"]), part["clause"], STATUSES[part["status"]])
    _print(table, *_beside(answer), f"政策版本 {answer['pack_version']}")


def print_month(answer: Mapping[str, Any]) -> None:
    table = _table("服务", "费用", "基金", "个人", "理由", title=f"{answer['pool']} {answer['month']}")
    for line in answer["lines"]:
        reasons = "\n".join(
            f"{each['text']}（{each['clause']}，{STATUSES[each['status']]}）" for each in line["findings"]
        )
        amounts = (yuan(line[name]) for name in ("cost_fen", "fund_fen", "person_fen"))
        table.add_row(line["id"], *amounts, reasons)
    table.add_section()
    table.add_row("合计", *(yuan(answer[name]) for name in ("cost_fen", "fund_fen", "person_fen")), "")
    limit = answer["limit_fen"]
    left = "无限额" if limit is None else f"限额{yuan(limit)}元，余{yuan(answer['limit_left_fen'])}元"
    _print(table, *_beside(answer), f"{left}；政策版本 {answer['pack_version']}")


def _beside(answer: Mapping[str, Any]) -> list[str]:
    """That a draft answered, and what was read into the document to answer."""
    draft = [f"按征求意见稿试算，尚未施行：{answer['document']}"] if answer.get("draft") else []
    return [*draft, *(f"· {reading}" for reading in answer.get("readings", ()))]


def print_policy(answer: Mapping[str, Any]) -> None:
    draft = "（征求意见稿）" if answer["draft"] else ""
    title = f"{answer['name']} {answer['document']}{draft} {answer['on']} 版本{answer['pack_version']}"
    table = _table("参数", "值", "条款", "说明", title=title, show_lines=True)
    for value in answer["values"]:
        words = "、".join(_WORDS.get(str(word), str(word)) for word in value["qualifiers"].values())
        said = STATUSES["missing"] if value["status"] == "missing" else _said(value["value"])
        explained = "\n".join(value[name] for name in ("reading", "note", "source") if name in value)
        table.add_row(
            f"{value['title']}\n{value['parameter']}",
            f"{words}：{said}" if words else said,
            f"{value['clause']}\n{STATUSES[value['status']]}",
            explained,
        )
    _print(table)


def _said(written: Any) -> str:
    """A written value in a reader's words."""
    if isinstance(written, list):
        return "、".join(_said(each) for each in written)
    if isinstance(written, dict):
        return "，".join(f"{name}={_said(each)}" for name, each in written.items())
    return _WORDS.get(str(written), str(written))


def print_check(answer: Mapping[str, Any]) -> None:
    table = _table("统筹区", "版本", "参数值", "缺失", "样例", "错误")
    for pack in answer["packs"]:
        errors = "\n".join(f"{error['field']}：{error['reason']}" for error in pack["errors"])
        table.add_row(
            f"{pack['pool']} {pack['name']}",
            pack["pack_version"],
            *(str(pack[name]) for name in ("values", "missing", "golden")),
            errors or "无",
        )
    _print(table)


PRINTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = {
    "grade": print_grade,
    "contribution": print_contribution,
    "month": print_month,
}
