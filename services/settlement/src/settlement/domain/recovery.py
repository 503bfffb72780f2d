"""What an organisation owes and nothing is left to offset comes back as money: entered by one, approved by another.

A recovery holds approved statements that come to less than nothing. While it stands they are offset
with nothing else; what comes in is divided over their counties and categories, exactly, and is never
more than what is open. As long as nothing came in, two people may take it back; what will not come in
any more, two people write off.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Final, Literal
from uuid import UUID

from changhu_common.errors import Conflict, FieldError, InvalidInput, PostsNotSeparated, Refusal
from changhu_common.events.settlement import PaymentKind
from changhu_common.money import spread, yuan

Status = Literal["entered", "decided", "received", "written_off", "rejected", "cancelled"]

STATUSES: Final[dict[str, str]] = {
    "entered": "待审批",
    "decided": "追回中",
    "received": "已全部收回",
    "written_off": "余款已核销",
    "rejected": "未通过",
    "cancelled": "已撤销",
}


class NothingOwed(Refusal):
    """The statements do not come to less than nothing, or one of them comes to nothing."""

    code = "recovery.nothing_owed"
    title = "没有应追回的金额"


class SeveralPools(Refusal):
    """The statements are of several pools, each of which recovers what is owed to its own fund."""

    code = "recovery.several_pools"
    title = "结算单分属不同统筹区"


class StatementNotOpen(Conflict):
    """A statement is not approved, or stands in another recovery."""

    code = "recovery.statement_not_open"
    title = "结算单不能列入追回"


class WrongRecoveryStep(Conflict):
    """The recovery does not stand where this step begins."""

    code = "recovery.wrong_status"
    title = "追回当前状态不能办理"


class ExceedsOpen(Refusal):
    """More came in than is owed."""

    code = "recovery.exceeds_open"
    title = "到账金额超过应追回余额"


class MoneyCameIn(Conflict):
    """Money came in, so the recovery cannot be taken back."""

    code = "recovery.money_came_in"
    title = "追回已有到账"


class CancellationAsked(Conflict):
    """Somebody asked to take the recovery back already: now it takes another person's approval."""

    code = "recovery.cancellation_asked"
    title = "撤销已有人申请"


class CancellationNotAsked(Conflict):
    """Nobody asks to take the recovery back."""

    code = "recovery.cancellation_not_asked"
    title = "没有待办理的撤销申请"


class WriteOffAsked(Conflict):
    """Somebody asked to write off what is open already: now it takes another person's approval."""

    code = "recovery.write_off_asked"
    title = "核销已有人申请"


class WriteOffNotAsked(Conflict):
    """Nobody has asked to write off what is open now."""

    code = "recovery.write_off_not_asked"
    title = "没有待批准的核销申请"


class ReceiptReversed(Conflict):
    """The receipt was reversed before, or is a reversal itself."""

    code = "recovery.receipt_reversed"
    title = "到账记录已冲销"


class ReceiptKnown(Conflict):
    """A receipt under this bank reference stands already: the same money is recorded once."""

    code = "recovery.receipt_known"
    title = "该笔到账已登记"


@dataclass(frozen=True, slots=True)
class Part:
    """What a statement owes, for one kind, to a county's money of a category, and what of it came in, in fen.

    Below zero where the fund owes there: that is offset in proportion to what comes in. `payments`
    counts those that are settled once all of it came in.
    """

    statement_id: UUID
    county: str
    category: str
    kind: PaymentKind
    amount_fen: int
    payments: int
    received_fen: int = 0

    @property
    def place(self) -> tuple[UUID, str, str, str]:
        return (self.statement_id, self.county, self.category, self.kind)

    @property
    def open_fen(self) -> int:
        return self.amount_fen - self.received_fen

    def settles(self, fen: int) -> int:
        """How many payments are settled by what comes in now; below zero where it is taken back."""
        return self.payments * ((self.open_fen == fen) - (self.open_fen == 0))


def parts_of(owed: Iterable[Part]) -> list[Part]:
    """What is to be recovered of some statements, part by part; one that comes to nothing goes with another.

    Each statement comes to something, so there is one for it to go with.
    """
    ordered = sorted(owed, key=lambda each: each.place)
    parts = []
    for _, group in groupby(ordered, key=lambda each: each.statement_id):
        of_statement = list(group)
        idle = sum(each.payments for each in of_statement if not each.amount_fen)
        first, *others = (each for each in of_statement if each.amount_fen)
        parts += [replace(first, payments=first.payments + idle), *others]
    return parts


def open_fen(parts: Iterable[Part]) -> int:
    return sum(each.open_fen for each in parts)


def divided(amount_fen: int, parts: Sequence[Part]) -> list[tuple[Part, int]]:
    """What of money that came in (fen) belongs to each part, in proportion to what is open there.

    ExceedsOpen where it is more than what is open. Parts are taken in the order of their places, so the
    same arrivals are always divided alike, and all of them together fill each part.
    """
    left_fen = open_fen(parts)
    if amount_fen > left_fen:
        raise ExceedsOpen(
            f"尚未收回{yuan(left_fen)}元，本次到账{yuan(amount_fen)}元超出；请核对金额，多付部分退还该机构。",
            open_fen=left_fen,
        )
    ordered = sorted(parts, key=lambda each: each.place)
    amounts = spread(amount_fen, over=[each.open_fen for each in ordered])
    return [(each, fen) for each, fen in zip(ordered, amounts, strict=True) if fen]


def refuse_nothing_owed(totals_fen: Collection[int]) -> None:
    """`totals_fen` are the fund's part of each statement; those that come to nothing are simply paid."""
    if sum(totals_fen) >= 0 or 0 in totals_fen:
        raise NothingOwed(
            "所列结算单合计须为应收回（小于零），且不含合计为零的结算单；其余结算单请照常办理拨付或抵扣。",
            total_fen=sum(totals_fen),
        )


def refuse_several_pools(pools: Collection[str]) -> None:
    if len(pools) > 1:
        raise SeveralPools("所列结算单分属不同统筹区的基金，请按统筹区分别录入追回。", pools=sorted(pools))


def refuse_past_term(due_on: date | None, *, today: date) -> None:
    if due_on is not None and due_on < today:
        raise InvalidInput("还款期限不能早于今天。", errors=[FieldError("due_on", "早于今天")])


def refuse_wrong_status(status: str, *expected: Status) -> None:
    if status not in expected:
        raise WrongRecoveryStep(
            f"该追回当前为“{STATUSES[status]}”，不能办理这一步；请刷新后按顺序办理。", current=status
        )


def refuse_same_person(subject: str, done_by: Collection[str | None]) -> None:
    if subject in done_by:
        raise PostsNotSeparated("追回的录入、审批、收款须由不同人员办理；请交由其他人员办理这一步。")


def refuse_cancelling(*, subject: str, asked_by: str | None) -> None:
    """A cancellation is asked by one, and approved or rejected by another."""
    if asked_by is None:
        raise CancellationNotAsked("没有待办理的撤销申请；需要撤销的，请先由另一人提出申请并写明原因。")
    if subject == asked_by:
        raise PostsNotSeparated("提出撤销的人不能批准或退回自己的申请，请由另一人办理。")


def refuse_write_off_asked(*, asked_fen: int | None, asked_by: str | None, open_fen: int) -> None:
    """What was asked before money came in, or was reversed, is asked anew."""
    if asked_fen == open_fen:
        raise WriteOffAsked("核销已有人申请，请由另一人批准。", asked_by=asked_by)


def refuse_writing_off(*, subject: str, asked_by: str | None, asked_fen: int | None, open_fen: int) -> None:
    """What is open is written off as it was asked for by one and approved by another."""
    if asked_fen != open_fen:
        raise WriteOffNotAsked(
            f"没有人按当前余额{yuan(open_fen)}元申请核销；请先由另一人提出申请并写明原因。", open_fen=open_fen
        )
    if subject == asked_by:
        raise PostsNotSeparated("提出核销的人不能批准自己的申请，请由另一人办理。")


def refuse_money_came_in(parts: Iterable[Part]) -> None:
    if any(each.received_fen for each in parts):
        raise MoneyCameIn("已有款项到账，不能撤销；记录有误的请先冲销到账记录，余款无法收回的请申请核销。")


def overdue_days(*, status: str, due_on: date | None, today: date) -> int:
    """Days since the term passed while something is open; 0 without a term."""
    return max((today - due_on).days, 0) if due_on is not None and status == "decided" else 0
