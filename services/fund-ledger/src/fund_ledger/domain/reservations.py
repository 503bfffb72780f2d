"""A statement is paid only once its amount is reserved (预算占用), and what is paid is reserved no longer.

While a reservation stands, what it holds and what its payments have spent always add up to what was
asked, in whatever order they are told. What a statement takes back counts only when it is settled.
What does not fit waits until two different people let it through, or the budget is raised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from changhu_common.errors import Conflict, PostsNotSeparated
from changhu_policies.accounting import Account, PostingRule

from fund_ledger.domain.budgets import BudgetLine, Position, Room, Shortfall
from fund_ledger.domain.posting import SCHEMES

STATUSES: Final[dict[str, str]] = {
    "waiting": "超预算，等待放行或调整预算",
    "reserved": "已占用",
    "settled": "已支付",
    "released": "已释放",
}


class NotWaiting(Conflict):
    """The statement does not wait for the budget: nothing is to be released."""

    code = "budget.not_waiting"
    title = "结算单没有在等待预算"


class ReleaseNotAsked(Conflict):
    """Nobody has proposed to release this statement."""

    code = "budget.release_not_asked"
    title = "没有待批准的超预算放行申请"


class ReleaseAsked(Conflict):
    """Somebody has proposed it already: now it takes another person's approval."""

    code = "budget.release_asked"
    title = "超预算放行已有人申请"


@dataclass(frozen=True, slots=True)
class Decided:
    """What the budget says of one statement: `basis` where it is reserved, else what it falls short of."""

    basis: str | None
    short: Sequence[Shortfall] = ()
    warned: bool = False


class Budgeting:
    """Decides statements one after the other against what is left of the year."""

    def __init__(
        self,
        *,
        lines: Sequence[BudgetLine] | None,
        used: Mapping[Position, int],
        binding: bool,
        warning_level: Fraction | None,
    ) -> None:
        """`lines=None` is a year without a budget; `binding` is `budget.hard_stop`."""
        self._room = None if lines is None else Room(lines=lines, used=used)
        self._binding = binding
        self._warning_level = warning_level

    def decide(self, asked: Mapping[Position, int], *, let_through: bool = False) -> Decided:
        """Reserve what is asked (fen at each position), or say what it falls short of."""
        if self._room is None:
            return Decided("no_budget")
        asked = {at: fen for at, fen in asked.items() if fen}
        short = self._room.short_of(asked)
        if short and self._binding and not let_through:
            return Decided(None, short)
        self._room.take(asked)
        basis = "within_budget" if not short else "let_through" if let_through else "not_binding"
        return Decided(basis, (), self._room.warns(asked, self._warning_level))


def claims(said: Any, *, rule: PostingRule, accounts: Mapping[str, Account]) -> dict[Position, int]:
    """What a payment, or a statement's part, moves of the budget: the expense that its rule books, in fen.

    A part whose payments come to nothing has its position too: they are still to come, one after the other.
    """
    moved: dict[Position, int] = {}
    for line in rule.lines:
        account = line.account.choose(said)
        if accounts[account].kind == "expense":
            county, category = (getattr(said, rule.dimensions[name]) for name in ("county", "scheme"))
            at = Position(account, county, SCHEMES.get(category))
            moved[at] = moved.get(at, 0) + line.signed(getattr(said, line.amount))
    return moved


def refuse_unless_waiting(status: str) -> None:
    if status != "waiting":
        raise NotWaiting(f"结算单的预算状态是“{STATUSES[status]}”，不需要放行。", status_of_reservation=status)


def refuse_unless_releasable(*, status: str, asked_by: str | None, by: str) -> None:
    """A release is asked by one and approved by another."""
    refuse_unless_waiting(status)
    if asked_by is None:
        raise ReleaseNotAsked("请先由另一人提出超预算放行申请并写明原因。")
    if asked_by == by:
        raise PostsNotSeparated("提出超预算放行的人不能批准自己的申请，请由另一名会计办理。")
