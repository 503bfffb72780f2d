"""What is withheld elsewhere goes out as a batch of items, and comes back with an answer to each.

An item is answered once: the same answer again is nothing new, another one is for a clerk to look into.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from changhu_common.bulk_files import BulkColumn
from changhu_common.cells import read_fen
from changhu_common.errors import FieldError
from changhu_common.money import FEN_PER_YUAN, yuan

Side = Literal["account", "pension", "tax"]
Outcome = Literal["paid", "part", "failed"]

# Whose money each side withholds; what one fund carves out for another moves as a total, without a batch.
PAYERS_OF: Final[dict[Side, tuple[str, ...]]] = {
    "account": ("personal_account", "family_account"),
    "pension": ("pension",),
    "tax": ("employer", "person"),
}
# The account side keeps our ids; the others know people by number alone.
NUMBER_SHOWN: Final[dict[Side, bool]] = {"account": False, "pension": True, "tax": True}

OUTCOMES: Final[dict[str, Outcome]] = {"成功": "paid", "部分成功": "part", "失败": "failed"}

ASKED_HEAD = ("批次号", "明细号", "参保人编号", "姓名", "公民身份号码", "县区", "资金来源", "应扣金额")
ANSWER_COLUMNS = (
    BulkColumn("number", "明细号"),
    BulkColumn("outcome", "扣款结果"),
    BulkColumn("amount", "实扣金额", required=False),
    BulkColumn("reason", "失败原因", required=False),
    # An answer may carry what was asked; it is not read.
    *(BulkColumn(f"asked_{n}", title, required=False) for n, title in enumerate(ASKED_HEAD) if title != "明细号"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other side says of one item (回盘)."""

    number: int
    outcome: Outcome
    paid_fen: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What was asked of one person's payer, and the answer so far; `status` "sent" without one."""

    number: int
    amount_fen: int
    status: str
    paid_fen: int = 0
    reason: str | None = None


def written_yuan(fen: int) -> str:
    return f"{fen // FEN_PER_YUAN}.{fen % FEN_PER_YUAN:02d}"


def read_answer(cells: Mapping[str, str | None], *, line: int) -> Answer | FieldError:
    """A row of a result file, or what is wrong with it."""
    number, told = cells["number"] or "", cells["outcome"] or ""
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        return FieldError("number", "明细号应为发出文件中的数字", line)
    outcome = OUTCOMES.get(told) or next((each for each in OUTCOMES.values() if each == told), None)
    if outcome is None:
        return FieldError("outcome", f"扣款结果应为：{'、'.join(OUTCOMES)}", line)
    try:
        paid_fen = read_fen(cells["amount"]) if cells["amount"] else 0
    except ValueError as error:
        return FieldError("amount", str(error), line)
    if outcome == "failed" and paid_fen:
        return FieldError("amount", "扣款失败的，实扣金额应为空或 0", line)
    if outcome == "failed" and not cells["reason"]:
        return FieldError("reason", "扣款失败的，请写明失败原因", line)
    return Answer(number=int(number), outcome=outcome, paid_fen=paid_fen, reason=cells["reason"])


def matched(*, answer: Answer, item: Item | None, line: int) -> Literal["new", "known"] | FieldError:
    """Whether an answer fits its item, was given before, or cannot be."""
    if item is None:
        return FieldError("number", "本批次没有这个明细号", line)
    if item.status != "sent":
        if (item.status, item.paid_fen, item.reason) == (answer.outcome, answer.paid_fen, answer.reason):
            return "known"
        return FieldError("outcome", "该明细已有不同的扣款结果；请核实后人工处理", line)
    asked = yuan(item.amount_fen)
    if answer.outcome == "paid" and answer.paid_fen != item.amount_fen:
        return FieldError("amount", f"扣款成功的金额应等于应扣金额 {asked} 元", line)
    if answer.outcome == "part" and not 0 < answer.paid_fen < item.amount_fen:
        return FieldError("amount", f"部分成功的金额应大于 0 并小于应扣金额 {asked} 元", line)
    return "new"
