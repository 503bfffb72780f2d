"""What the fund ledger tells: what was booked."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from changhu_common.events.registry import Event, Topic

BOOK = Topic("ledger.book", "pool", "what happens in a fund's books (基金账)")


@dataclass(frozen=True, slots=True)
class PostedLine:
    """One line of a journal: debit positive, credit negative, in fen."""

    account: str
    county: str
    amount_fen: int
    scheme: str | None = None
    payer: str | None = None
    organization_id: UUID | None = None


class JournalPosted(Event):
    """A balanced journal (记账凭证) was booked. `source` names the event that it rests on.

    `sequence` is its place in the pool's chain, `year` and `number` its voucher number (凭证号);
    `hash` (hex) is that of its canonical line, which names the `previous` one. `accounting_on` is
    later than `happened_on` where it belongs to a period that was closed. `carries` marks a year
    end's own journals.
    """

    TYPE = "journal.posted"
    TOPIC = BOOK
    KEY = "pool"

    journal_id: UUID
    pool: str
    source: str
    source_event_id: UUID
    happened_on: date
    booked_on: date
    lines: tuple[PostedLine, ...]
    title: str = ""
    sequence: int = 0
    year: int = 0
    number: int = 0
    accounting_on: date | None = None
    booked_at: datetime | None = None
    carries: bool = False
    reverses: UUID | None = None
    facts: str = ""
    previous: str = ""
    hash: str = ""


class PeriodClosed(Event):
    """A month of a pool's books was closed (结账); `sequence` and `hash` (hex) say where the books stood."""

    TYPE = "period.closed"
    TOPIC = BOOK
    KEY = "pool"

    pool: str
    month: str
    sequence: int
    hash: str


class PeriodReopened(Event):
    """A closed month was opened again by two people (反结账)."""

    TYPE = "period.reopened"
    TOPIC = BOOK
    KEY = "pool"

    pool: str
    month: str
    reason: str


LEDGER_EVENTS: tuple[type[Event], ...] = (JournalPosted, PeriodClosed, PeriodReopened)
