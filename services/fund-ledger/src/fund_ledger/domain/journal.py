"""A journal balances in each book that it touches: debits (positive) and credits (negative) add up to zero.

A book is a county's share of one scheme's money, so what balances in each of them balances in the
city too. Nothing is booked twice for one fact, and nothing booked is ever changed; a mistake is
mended by another journal.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import Conflict, Refusal
from changhu_common.events.ledger import PostedLine

JOURNAL_LINES_MAX = 1_000  # a year end carries some hundred balances; more by hand is a mistake


def voucher_number(year: int, number: int) -> str:
    """A voucher's number (凭证号) as a person reads it: 2026-000001."""
    return f"{year}-{number:06d}"


class JournalUnbalanced(Refusal):
    """The lines of one book do not add up to zero."""

    code = "journal.unbalanced"
    title = "借贷不平"


class JournalEmpty(Refusal):
    """A journal without lines, or with a line of nothing, says nothing."""

    code = "journal.empty"
    title = "凭证没有金额"


class KeyReused(Conflict):
    """The same fact (receipt, payment, draft) was booked before with other content."""

    code = "journal.key_reused"
    title = "同一业务编号已按不同内容记账"


# A line (分录) is told as it is booked. Its dimensions say whose money it is: the county whose books it is in,
# the insurance scheme (employees, residents), the source of money and the organisation where there is one.
Line = PostedLine


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal (记账凭证) before it has its place in the books. `happened_on` is when it was true.

    `id` follows from the fact that it books and `facts_hash` from what that fact says, so the same
    fact is known again, and one that says something else is not taken for it. `source` is the type
    of the event that it rests on and `source_event_id` that event's id; what a person entered has
    `manual` and the draft's. `carries` marks what a year end books: it moves no new money.
    """

    id: UUID
    pool: str
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    lines: Sequence[Line]
    facts_hash: bytes
    carries: bool = False
    reverses: UUID | None = None

    def __post_init__(self) -> None:
        refuse_unbalanced(self.lines)


def refuse_unbalanced(lines: Sequence[Line]) -> None:
    """JournalEmpty or JournalUnbalanced, with the book that does not balance."""
    if not lines or 0 in [line.amount_fen for line in lines]:
        raise JournalEmpty("凭证至少要有一借一贷, 且每行金额不能为零。")
    books: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    for line in lines:
        books[line.county, line.scheme] += line.amount_fen
    for (county, scheme), difference in books.items():
        if difference:
            raise JournalUnbalanced(
                f"{county} 的账上借方合计与贷方合计相差 {abs(difference)} 分, 请核对分录。",
                difference_fen=difference,
                county=county,
                scheme=scheme,
            )
