"""What the fund ledger tells: what was booked."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.registry import Event, Topic

BOOK = Topic("ledger.book", "pool", "what happens in a fund's books (基金账)")


class PostedLine(BaseModel):
    """One line of a journal: debit positive, credit negative, in fen."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account: str
    county: str
    amount_fen: int


class JournalPosted(Event):
    """A balanced journal (记账凭证) was booked. `source` names the event that it rests on."""

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


LEDGER_EVENTS: tuple[type[Event], ...] = (JournalPosted,)
