"""A statement is paid only when the fund's budget has reserved its amount; until then it says what it waits for.

What the budget does not bear waits until two people let it through or the budget is raised, and may
be sent back meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from changhu_common.errors import Conflict
from changhu_common.money import yuan
from changhu_policies import load_pack
from changhu_policies.accounting import chart
from changhu_policies.vocabulary import SCHEMES

Budget = Literal["asked", "reserved", "exceeded", "released"]

ASKED: Final = "等待基金预算占用，请稍后刷新。"
RESERVED: Final[dict[str, str]] = {
    "within_budget": "已占用基金预算，可以拨付。",
    "no_budget": "该年度没有经批准的基金预算，不受预算控制，可以拨付。",
    "not_binding": "超出基金预算，但预算只提示不控制，可以拨付。",
    "let_through": "超出基金预算，已由两人批准放行，可以拨付。",
    "nothing_asked": "没有基金支付的金额，无需占用预算。",
}
WARNED: Final = "预算执行已达预警比例。"
RELEASED: Final = "预算占用已释放。"


class AwaitsBudget(Conflict):
    """The budget has not reserved the statement's amount, or not yet."""

    code = "statement.awaits_budget"
    title = "等待预算"


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """How an approved statement stands before the budget (预算占用), in words for a clerk; `short` in fen."""

    state: Budget
    text: str
    short: Sequence[Mapping[str, Any]] = field(default=())


def standing(
    *, pool: str, state: Budget | None, basis: str | None, warned: bool, short: Sequence[Mapping[str, Any]]
) -> BudgetStanding:
    """What the budget's last answer means; None is no answer yet."""
    if state is None:
        return BudgetStanding("asked", ASKED)
    if state == "reserved":
        return BudgetStanding(state, RESERVED[basis or "within_budget"] + (WARNED if warned else ""))
    if state == "released":
        return BudgetStanding(state, RELEASED)
    lines = "；".join(_shortfall(pool, each) for each in short)
    return BudgetStanding(
        state, f"超出基金预算：{lines}。须由两名会计放行，或调整预算后才能拨付；也可以退回本单。", short
    )


def _shortfall(pool: str, short: Mapping[str, Any]) -> str:
    places = {pool: "市本级", **load_pack(pool).counties}
    county = places.get(short["county"], short["county"]) if short["county"] else "全市"
    scheme = f"、{SCHEMES.get(short['scheme'], short['scheme'])}" if short["scheme"] else ""
    name = chart().accounts[short["account"]].name
    return f"{name}（{county}{scheme}）需要 {yuan(short['asked_fen'])} 元，预算可用 {yuan(short['free_fen'])} 元"


def refuse_unless_reserved(standings: Mapping[Any, BudgetStanding]) -> None:
    """AwaitsBudget with the first statement, by its id, that the budget has not reserved."""
    for statement_id, each in standings.items():
        if each.state != "reserved":
            raise AwaitsBudget(each.text, statement_id=str(statement_id), budget=each.state, short=list(each.short))
