"""A journal balances: debits (positive) and credits (negative) of its lines add up to zero.

Nothing is booked twice for one event, and nothing booked is ever changed; a mistake is mended by
another journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import Refusal


class JournalUnbalanced(Refusal):
    """The lines do not add up to zero."""

    code = "journal.unbalanced"
    title = "借贷不平"


class JournalEmpty(Refusal):
    """A journal without lines, or with a line of nothing, says nothing."""

    code = "journal.empty"
    title = "凭证没有金额"


@dataclass(frozen=True, slots=True)
class Line:
    """One line (分录): `amount_fen` above zero is a debit (借), below it a credit (贷).

    The dimensions say whose money: the county whose books it is in, the insurance scheme
    (employees, residents), the source of money and the organisation where there is one.
    """

    account: str
    county: str
    amount_fen: int
    scheme: str | None = None
    payer: str | None = None
    organization_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal (记账凭证). `happened_on` is when it was true, `booked_on` when it came into the books.

    `source` is the type of the event that it rests on and `source_event_id` that event's id.
    """

    id: UUID
    pool: str
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    booked_on: date
    lines: Sequence[Line]

    def __post_init__(self) -> None:
        if not self.lines or any(line.amount_fen == 0 for line in self.lines):
            raise JournalEmpty("凭证至少要有一借一贷, 且每行金额不能为零。")
        difference = sum(line.amount_fen for line in self.lines)
        if difference:
            raise JournalUnbalanced(
                f"借方合计与贷方合计相差 {abs(difference)} 分, 请核对分录。", difference_fen=difference
            )
