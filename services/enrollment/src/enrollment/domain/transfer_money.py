"""How much money goes along with a person who leaves is the pool's rule (`transfer.money`); nobody guesses it."""

from collections.abc import Iterable
from typing import Final, Literal

from changhu_common.errors import Conflict, FieldError, InvalidInput, Refusal
from changhu_common.money import yuan
from changhu_policies import Value

from enrollment.domain.account import Cell

# What a person or his family paid: his own money, out of his account, his pension or a relative's account.
OWN_PAYERS: Final = frozenset({"person", "personal_account", "family_account", "pension", "own_medical_contribution"})

TAKE_BACK_FIRST: Final = "请先办结原资金：未支付的撤回，已收付的登记退回。"

Status = Literal["entered", "approved", "withdrawn", "settled", "returned"]
MatchStatus = Literal["agreed", "not_received", "not_sent", "differing"]


class NoMoneyGoesAlong(Refusal):
    """The pool's rule is that insurance months move, and money does not."""

    code = "transfer_money.none_goes_along"
    title = "关系转移时资金不随同转移"


class NothingToTransfer(Refusal):
    """What the rule comes to has been sent, or nothing was paid."""

    code = "transfer_money.nothing_to_send"
    title = "没有可划转的资金"


class AmountDiffers(InvalidInput):
    """The rule computes another amount."""

    code = "transfer_money.amount_differs"
    title = "金额与按规定计算的不符"


class MoneyWaiting(Conflict):
    """One sum of a transfer is decided at a time."""

    code = "transfer_money.waiting"
    title = "该笔转移已有待办理的资金"


class AlreadyRecorded(Conflict):
    """The same money goes or comes once."""

    code = "transfer_money.already_recorded"
    title = "该笔资金已登记"


class MoneyNotInStep(Conflict):
    """A sum is approved, paid and returned in this order, each once."""

    code = "transfer_money.not_in_step"
    title = "该笔资金不能这样办理"


class CoverageHasMoney(Conflict):
    """Who left a coverage and took money along leaves it once; it is not taken out under the money."""

    code = "transfer_money.of_coverage"
    title = "该参保已有转移资金"


class OtherDirection(Conflict):
    """Who leaves takes money along, who comes brings it."""

    code = "transfer_money.other_direction"
    title = "转移方向不符"


class MoneyOfOtherCounty(Refusal):
    """The money of a transfer is the county's where the person was on the day, who moved on since."""

    code = "transfer_money.other_county"
    title = "该笔转移资金由另一县区办理"
    status = 403


def paid_for_himself(cells: Iterable[tuple[Cell, bool]]) -> int:
    """What was paid out of a person's own pocket and not paid back, in fen; each cell with whether it is full.

    Money without names settles everybody once the cell is full; what somebody paid too much is refunded, and does
    not go along.
    """
    return sum(
        cell.owed_fen if full else max(0, min(cell.owed_fen, cell.paid_fen - cell.refunded_fen))
        for cell, full in cells
        if cell.key.payer in OWN_PAYERS
    )


def still_away(sums: Iterable[tuple[str, int]]) -> int:
    """What went out and did not come back with the person, in fen; directions and amounts in the order of days.

    What he brings beyond that is another pool's money, and none of what he paid here.
    """
    away_fen = 0
    for direction, fen in sums:
        away_fen = away_fen + fen if direction == "out" else max(0, away_fen - fen)
    return away_fen


def left_to_refund(*, surplus_fen: int, due_fen: int, away_fen: int) -> int:
    """What of a surplus is still here, in fen: more went along than is due by now, and that was the surplus."""
    return max(0, surplus_fen - max(0, away_fen - due_fen))


def amount_to_send(*, rule: Value, said_fen: int | None, computed_fen: int, sent_fen: int) -> int:
    """What is sent by the rule: the amount that both pools agreed on, or what is computed less what was sent."""
    if rule.value == "none":
        raise NoMoneyGoesAlong(
            "本统筹区关系转移时资金不随同转移；另有规定的，请先补录参数 transfer.money 并经审批。", clause=rule.clause
        )
    if rule.value == "agreed":
        if said_fen is None:
            reason = "按两地约定的金额划转，请填写联系函载明的金额"
            raise InvalidInput(f"{reason}。", errors=[FieldError("amount_fen", reason)])
        return said_fen
    left_fen = computed_fen - sent_fen
    if left_fen <= 0:
        raise NothingToTransfer(
            f"按规定应划转本人缴费 {yuan(computed_fen)} 元，已划转或待划转 {yuan(sent_fen)} 元，没有可再划转的资金；"
            "已录入未支付的请撤回。"
        )
    if said_fen not in (None, left_fen):
        reason = f"按规定应划转 {yuan(left_fen)} 元"
        raise AmountDiffers(f"{reason}，请核对。", errors=[FieldError("amount_fen", reason)], amount_fen=left_fen)
    return left_fen


def match_status(*, sent_fen: int, received_fen: int) -> MatchStatus:
    """How the two ends of one transfer stand to one another; at least one of them has money."""
    if sent_fen == received_fen:
        return "agreed"
    if not received_fen:
        return "not_received"
    return "differing" if sent_fen else "not_sent"
