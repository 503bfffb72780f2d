"""A part of what is paid stays in the fund as a deposit (质量保证金) until the yearly evaluation.

Nothing is withheld of what is not transferred, and what was withheld is drawn on once: released to the
organisation, forfeited to the fund, or given back with a transfer that the bank sent back. Release and
forfeiture are entered by one, approved by another, and a release is paid by a third.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal
from uuid import UUID

from changhu_common.errors import Conflict, PostsNotSeparated, Refusal
from changhu_common.events.settlement import PaymentKind
from changhu_common.money import round_half_up, spread, yuan

Outcome = Literal["release", "forfeiture"]
Status = Literal["entered", "approved", "paid", "rejected"]

OUTCOMES: Final[dict[str, str]] = {"release": "返还", "forfeiture": "扣除"}
STATUSES: Final[dict[str, str]] = {
    "entered": "待审批",
    "approved": "已审批",
    "paid": "已支付",
    "rejected": "已退回",
}


class ExceedsDeposit(Refusal):
    """More is released or forfeited than stands of the year."""

    code = "deposit.exceeds_open"
    title = "超过保证金余额"


class WrongDepositStep(Conflict):
    """The decision does not stand where this step begins."""

    code = "deposit.wrong_status"
    title = "保证金处理当前状态不能办理"


class DepositDrawn(Conflict):
    """What was withheld of the transfer was released or forfeited since."""

    code = "deposit.drawn"
    title = "保证金已处理"


@dataclass(frozen=True, slots=True)
class Deposit:
    """What was withheld of one part of a statement, and what of it was drawn since, in fen."""

    id: UUID
    county: str
    category: str
    kind: PaymentKind
    amount_fen: int
    drawn_fen: int = 0

    @property
    def open_fen(self) -> int:
        return self.amount_fen - self.drawn_fen

    @property
    def place(self) -> tuple[str, str, str]:
        return (self.county, self.category, self.kind)


def withheld(parts_fen: Sequence[int], *, ratio: Fraction) -> list[int]:
    """What stays in the fund of each part (fen) of one transfer, by the pack's `settlement.deposit_ratio`.

    What the transfer takes back is first taken off what it pays, in proportion, because the bank moves only
    the rest; the ratio of that is rounded half up, part by part.
    """
    paid = [max(fen, 0) for fen in parts_fen]
    taken_back = spread(sum(paid) - sum(parts_fen), over=paid)
    return [round_half_up(ratio * (fen - back)) for fen, back in zip(paid, taken_back, strict=True)]


def open_fen(deposits: Iterable[Deposit]) -> int:
    return sum(each.open_fen for each in deposits)


def drawn(amount_fen: int, deposits: Sequence[Deposit]) -> list[tuple[Deposit, int]]:
    """What of each deposit is drawn for an amount (fen), in proportion to what is open; ExceedsDeposit beyond that."""
    left_fen = open_fen(deposits)
    if amount_fen > left_fen:
        raise ExceedsDeposit(
            f"该年度保证金余额{yuan(left_fen)}元，本次{yuan(amount_fen)}元超出；请核对金额。", open_fen=left_fen
        )
    ordered = sorted(deposits, key=lambda each: each.id)
    amounts = spread(amount_fen, over=[each.open_fen for each in ordered])
    return [(each, fen) for each, fen in zip(ordered, amounts, strict=True) if fen]


def by_place(draws: Iterable[tuple[Deposit, int]]) -> dict[tuple[str, str, str], int]:
    """Fen by county, category and kind."""
    sums: dict[tuple[str, str, str], int] = {}
    for deposit, fen in draws:
        sums[deposit.place] = sums.get(deposit.place, 0) + fen
    return sums


def refuse_drawn(deposits: Iterable[Deposit]) -> None:
    """Of a transfer that came back, what was withheld must still stand."""
    if any(each.drawn_fen for each in deposits):
        raise DepositDrawn(
            "这次拨付扣留的保证金已返还或扣除；请先退回未支付的保证金处理，已支付的请财务核对后人工记账。"
        )


def refuse_wrong_status(status: str, *expected: Status) -> None:
    if status not in expected:
        raise WrongDepositStep(
            f"该保证金处理当前为“{STATUSES[status]}”，不能办理这一步；请刷新后按顺序办理。", current=status
        )


def refuse_nothing_to_pay(outcome: str) -> None:
    if outcome != "release":
        raise WrongDepositStep("扣除的保证金留在基金，无需支付。", current=outcome)


def refuse_same_person(subject: str, done_by: Collection[str | None]) -> None:
    if subject in done_by:
        raise PostsNotSeparated("保证金处理的录入、审批、支付须由不同人员办理；请交由其他人员办理这一步。")
