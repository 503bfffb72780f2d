"""A part of what is paid stays in the fund as a deposit (质量保证金) until the yearly evaluation.

Nothing is withheld of what is not transferred, and what was withheld is drawn on once: released to the
organisation, or forfeited to the fund. Both are entered by one, approved by another, and a release is paid
by a third.

A transfer that the bank sent back takes the whole of its deposit along. What was drawn of it before is then
owed by the organisation, and taken off whatever else stands of the same county and category, now or later.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
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


class ReleaseUnpaid(Conflict):
    """Of what was withheld of the transfer a release is approved and not paid."""

    code = "deposit.release_unpaid"
    title = "保证金返还尚未支付"


@dataclass(frozen=True, slots=True)
class Deposit:
    """What was withheld of one part of a statement, and what of it was drawn since, in fen.

    `returned_fen` went back with its transfer. Below zero, `open_fen` is owed.
    """

    id: UUID
    county: str
    category: str
    kind: PaymentKind
    amount_fen: int
    drawn_fen: int = 0
    returned_fen: int = 0

    @property
    def open_fen(self) -> int:
        return self.amount_fen - self.drawn_fen - self.returned_fen

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


def offsets(deposits: Iterable[Deposit]) -> list[tuple[Deposit, int]]:
    """What is owed is drawn of what stands at the same county and category, as far as that goes.

    The draws come to nothing at each of them, so the books, which keep deposits by both, stay as they are.
    """
    moved = []
    ordered = sorted(deposits, key=lambda each: (each.county, each.category, each.id))
    for _, group in groupby(ordered, key=lambda each: (each.county, each.category)):
        here = list(group)
        stands = [max(each.open_fen, 0) for each in here]
        owed = [max(-each.open_fen, 0) for each in here]
        fen = min(sum(stands), sum(owed))
        draws = zip(here, spread(fen, over=stands), spread(fen, over=owed), strict=True)
        moved += [(each, taken - given) for each, taken, given in draws if taken != given]
    return moved


def by_place(draws: Iterable[tuple[Deposit, int]]) -> dict[tuple[str, str, str], int]:
    """Fen by county, category and kind."""
    sums: dict[tuple[str, str, str], int] = {}
    for deposit, fen in draws:
        sums[deposit.place] = sums.get(deposit.place, 0) + fen
    return sums


def refuse_release_unpaid(decision_id: UUID | None) -> None:
    """A release that draws on a transfer which came back is paid or sent back first: then it is known what is owed."""
    if decision_id is not None:
        raise ReleaseUnpaid(
            "这次拨付扣留的保证金已批准返还、尚未支付；请先退回该笔返还处理，银行已支付的请先登记支付，再登记退汇。",
            decision_id=str(decision_id),
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
