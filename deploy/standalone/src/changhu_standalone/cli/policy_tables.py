"""What the packs say, for a reader: Chinese words instead of codes, the clause beside every value."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from changhu_policies.vocabulary import (
    CATEGORIES,
    FAMILY_ACCOUNT,
    FEE_CAUSES,
    MARKS,
    MODES,
    OTHER_BENEFITS,
    PAYERS,
    RELATIONS,
    SHARES,
    STATISTICS,
    STATUSES,
)

from changhu_standalone.cli.tables import new_table, put

_WORDS: Final[Mapping[str, str]] = {**CATEGORIES, **PAYERS, **STATISTICS, **RELATIONS}
# How a qualifier's words are called; the same word may mean a share here and a payer there.
_QUALIFIERS: Final[Mapping[str, Mapping[str, str]]] = {
    "category": CATEGORIES,
    "mode": MODES,
    "share": SHARES,
    "benefit": OTHER_BENEFITS,
    "cause": FEE_CAUSES,
    "mark": MARKS | {FAMILY_ACCOUNT: "有近亲属账户代缴"},
}
_STATES: Final = {"entered": "待审批", "approved": "已审批"}


def _words(qualifiers: Mapping[str, Any], counties: Mapping[str, str]) -> str:
    """For whom a value is, as a reader says it."""
    known = {**_QUALIFIERS, "county": counties, "grade": {}}
    return " ".join(
        "＋".join(known.get(name, {}).get(each, each) for each in str(word).split("+"))
        for name, word in qualifiers.items()
    )


def _said(value: Mapping[str, Any]) -> str:
    return STATUSES["missing"] if value["status"] == "missing" else _written(value["value"])


def _written(written: Any) -> str:
    """A written value in a reader's words."""
    if isinstance(written, list):
        return "、".join(_written(each) for each in written) or "无"
    if isinstance(written, dict):
        return "，".join(f"{name}={_written(each)}" for name, each in written.items())
    return _WORDS.get(str(written), str(written))


def _days(value: Mapping[str, Any]) -> str:
    return f"{value['from'] or '起初'} — {value['to'] or '至今'}"


def _explained(value: Mapping[str, Any]) -> str:
    return "\n".join(value[name] for name in ("reading", "note", "source") if value.get(name))


def _title(answer: Mapping[str, Any], *more: str) -> str:
    return " ".join((answer["name"], answer["document"], *more, f"版本{answer['pack_version']}"))


def print_show(answer: Mapping[str, Any]) -> None:
    table = new_table("参数", "值", "条款", "说明", title=_title(answer, answer["on"]), show_lines=True)
    for value in answer["values"]:
        words, said = _words(value["qualifiers"], answer["counties"]), _said(value)
        table.add_row(
            f"{value['title']}\n{value['parameter']}",
            f"{words}：{said}" if words else said,
            f"{value['clause']}\n{STATUSES[value['status']]}",
            _explained(value),
        )
    put(table)


def print_explain(answer: Mapping[str, Any]) -> None:
    about = f"{answer['title']}（{answer['parameter']}）"
    table = new_table("", "适用", "值", "条款", "起止", "说明", title=_title(answer, about), show_lines=True)
    for value in answer["history"]:
        table.add_row(
            "●" if value in answer["values"] else "",
            _words(value["qualifiers"], answer["counties"]) or "所有情形",
            _said(value),
            f"{value['clause']}\n{STATUSES[value['status']]}",
            _days(value),
            _explained(value),
        )
    put(table if answer["history"] else f"{_title(answer)}：文件没有提到{about}。", f"●：{answer['on']}的值")


def print_diff(answer: Mapping[str, Any]) -> None:
    sides = [f"{answer[side]['name']} {answer[side]['on']}" for side in ("a", "b")]
    counties = answer["a"]["counties"] | answer["b"]["counties"]
    table = new_table("参数", "适用", *sides, title=f"不同的参数 {len(answer['differences'])}项", show_lines=True)
    for each in answer["differences"]:
        values = ("—" if each[side] is None else f"{_said(each[side])}\n{each[side]['clause']}" for side in ("a", "b"))
        table.add_row(f"{each['title']}\n{each['parameter']}", _words(each["qualifiers"], counties), *values)
    put(table)


def print_missing(answer: Mapping[str, Any]) -> None:
    title = _title(answer, f"未定的参数 {len(answer['missing'])}项")
    table = new_table("参数", "适用", "条款", "起止", "说明", title=title)
    for (name, title, clause, days, why), alike in itertools.groupby(answer["missing"], key=_what_is_wanting):
        words = "、".join(_words(each["qualifiers"], answer["counties"]) for each in alike)
        table.add_row(f"{title} {name}", words, clause, days, why)
    put(table)


def _what_is_wanting(each: Mapping[str, Any]) -> tuple[str, ...]:
    return each["parameter"], each["title"], each["clause"], _days(each), _explained(each)


def print_check(answer: Mapping[str, Any]) -> None:
    table = new_table("统筹区", "版本", "参数值", "缺失", "样例", "错误")
    for pack in answer["packs"]:
        errors = "\n".join(f"{error['field']}：{error['reason']}" for error in pack["errors"])
        table.add_row(
            f"{pack['pool']} {pack['name']}{'（征求意见稿）' if pack['draft'] else ''}",
            pack["pack_version"],
            *(str(pack[name]) for name in ("values", "missing", "golden")),
            errors or "无",
        )
    put(table)


def print_export(answer: Mapping[str, Any]) -> None:
    for file in answer["files"]:
        put(f"{file['path']}：{file['values']}个值")
    if not answer["files"]:
        put("没有已审批的补录值。")


def print_supply(answer: Mapping[str, Any]) -> None:
    table = new_table("编号", "参数", "适用", "值", "起止", "状态", "录入", "审批")
    for each in answer["values"]:
        table.add_row(
            each["value_id"],
            each["parameter"],
            _words(each["qualifiers"], {}),
            _written(each["value"]),
            f"{each['start']} — {each['end'] or '至今'}",
            _STATES[each["status"]],
            each["entered_by"],
            each["approved_by"] or "",
        )
    put(table)


PRINTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = {
    "check": print_check,
    "show": print_show,
    "explain": print_explain,
    "diff": print_diff,
    "missing": print_missing,
    "export": print_export,
    "supply": print_supply,
}
