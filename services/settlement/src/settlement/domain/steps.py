"""A statement goes from entry to review, approval and payment, each step by another person.

Only what was not paid yet can be rejected; only what was approved can be paid, and only a transfer that was paid can
come back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from changhu_common.errors import Conflict, FieldError, InvalidInput, PostsNotSeparated, Refusal
from changhu_common.money import yuan
from changhu_common.periods import MONEY_BEGINS, Month

Status = Literal[
    "entered", "reviewed", "approved", "recovering", "paid", "rejected", "returned", "recovered", "written_off"
]
Step = Literal["review", "approval", "rejection", "payment", "return"]

STATUSES: Final[dict[str, str]] = {
    "entered": "已录入",
    "reviewed": "已复核",
    "approved": "已审批",
    "recovering": "追回中",
    "paid": "已拨付",
    "rejected": "已退回",
    "returned": "已退汇",
    "recovered": "已追回",
    "written_off": "余款已核销",
}

# What such a statement comes to is still to be settled.
OPEN: Final[tuple[Status, ...]] = ("entered", "reviewed", "approved", "recovering")

# What such a statement held is free for the next one.
FREE: Final[tuple[Status, ...]] = ("rejected", "returned")

# From which status a step may be taken.
BEFORE: Final[dict[Step, tuple[Status, ...]]] = {
    "review": ("entered",),
    "approval": ("reviewed",),
    "rejection": ("entered", "reviewed", "approved"),
    "payment": ("approved",),
    "return": ("paid",),
}


class WrongStep(Conflict):
    """The statement does not stand where this step begins."""

    code = "statement.wrong_status"
    title = "当前状态不能办理"


class MonthNotOver(Refusal):
    """A month can be closed once its last day is over."""

    code = "statement.month_not_over"
    title = "月份尚未结束"


class AlreadyClosed(Conflict):
    """There is one statement for an organisation and month, apart from rejected ones."""

    code = "statement.exists"
    title = "该月已有结算单"


class FactsOnTheWay(Conflict):
    """Facts that the statement leans on have not been counted yet."""

    code = "statement.facts_on_the_way"
    title = "仍有数据在途"


class Undecided(Conflict):
    """Lines cannot be decided because a value of the policy is missing."""

    code = "statement.undecided"
    title = "有未能认定的明细"


class NothingToSettle(Refusal):
    """Nothing changed since the last statement."""

    code = "statement.empty"
    title = "没有可结算的明细"


class LaterStatement(Conflict):
    """A later statement holds differences to this one."""

    code = "statement.later_exists"
    title = "已有后续结算单"


class EarlierStatement(Conflict):
    """An earlier statement of the organisation is not decided yet, and this one holds differences to it."""

    code = "statement.earlier_open"
    title = "前一张结算单尚未审批"


class ToRecover(Conflict):
    """The organisation owes more than it is owed; the amount is carried to its next statement."""

    code = "statement.to_recover"
    title = "应收回金额结转"


class NothingTransferred(Conflict):
    """The statements were offset to nothing, or a fee was given back: the bank has nothing to send back."""

    code = "statement.nothing_transferred"
    title = "没有可退汇的款项"


class TransferDiffers(Conflict):
    """The bank moved another amount than these statements come to."""

    code = "statement.transfer_differs"
    title = "拨付金额不符"


@dataclass(frozen=True, slots=True)
class Doing:
    """A step that somebody wants to take on a statement that stands at `status` after the steps of `done_by`.

    `on` is what a clerk calls it: an insurer's fee takes the steps of a statement.
    """

    step: Step
    status: str
    subject: str
    done_by: tuple[str | None, ...]
    on: str = "结算单"


def refuse_wrong_step(doing: Doing) -> None:
    if doing.status not in BEFORE[doing.step]:
        raise WrongStep(
            f"{doing.on}当前为“{STATUSES[doing.status]}”，不能办理这一步；请刷新后按顺序办理。", current=doing.status
        )


def refuse_same_person(doing: Doing) -> None:
    if doing.subject in doing.done_by:
        raise PostsNotSeparated("录入、复核、审批、拨付须由不同人员办理；请交由其他人员办理这一步。")


STEP_RULES: Final = (refuse_wrong_step, refuse_same_person)


def refuse_unless_allowed(doing: Doing) -> None:
    for rule in STEP_RULES:
        rule(doing)


def refuse_month_not_over(month: Month, *, today: date) -> None:
    if today <= month.last:
        raise MonthNotOver(f"{month}尚未结束，请在{month.plus(1).first}之后结算。")


def refuse_strange_day(day: date, *, today: date, field: str) -> None:
    """What the bank did lies neither in the future nor before any money was moved."""
    if day < MONEY_BEGINS:
        raise InvalidInput(f"日期早于{MONEY_BEGINS}，请核对年份。", errors=[FieldError(field, f"早于{MONEY_BEGINS}")])
    if day > today:
        raise InvalidInput("日期不能晚于今天，请按银行回单填写。", errors=[FieldError(field, "晚于今天")])


def transfer_of(totals_fen: Sequence[int]) -> int:
    """The one transfer (fen) that settles these statements; ToRecover where the organisation owes."""
    total_fen = sum(totals_fen)
    if total_fen < 0:
        raise ToRecover(
            f"该机构应收回{yuan(-total_fen)}元，不能拨付；该金额结转，与以后审批的结算单一并抵扣。",
            carried_fen=total_fen,
        )
    return total_fen


def refuse_other_transfer(*, moved_fen: int, transfer_fen: int) -> None:
    """What the bank moved is what it settles, to the fen: nothing is offset that the bank did not take off."""
    if moved_fen != transfer_fen:
        raise TransferDiffers(
            f"银行拨付{yuan(moved_fen)}元，而截至拨付日期已审批的结算单应拨{yuan(transfer_fen)}元；请按银行回单核对金额和日期。"
            "拨付后同日又审批了应收回的结算单的，请先将其列入追回，再登记这笔拨付。",
            moved_fen=moved_fen,
            transfer_fen=transfer_fen,
        )


def refuse_no_return(*, transfer_fen: int, paid_on: date, returned_on: date) -> None:
    """A bank sends back what was transferred (`transfer_fen` > 0), on that day or later."""
    if transfer_fen <= 0:
        raise NothingTransferred("这次拨付没有向银行付款，不会有退汇；请核对银行回单对应的是哪一笔。")
    if returned_on < paid_on:
        raise InvalidInput(
            f"退汇日期不能早于拨付日期{paid_on}，请按银行回单填写。", errors=[FieldError("returned_on", "早于拨付日期")]
        )


def settled_together(this_fen: int, others_fen: Iterable[int]) -> bool:
    """Whether the organisation's other approved statements go with this one: only where one of them is owed back."""
    return min((this_fen, *others_fen)) < 0
