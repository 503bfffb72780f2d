"""Every entry carries the hash of the one before it, so that whoever keeps one hash can prove all before it.

An entry is one line of canonical JSON: UTF-8, members in order of their names, no spaces, numbers
whole, what is not there null. Its hash is the SHA-256 of that line. What is written here is a
public format (`FORMAT`): it is read by programs that know nothing else of this system.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson

from fund_ledger.domain.journal import Journal, Line

FORMAT = "changhu-ledger-1"

# What the first entry of a pool follows.
BEGINNING = bytes(32)


def canonical(said: Mapping[str, Any]) -> bytes:
    """Canonical JSON; days and ids as their text, moments in the zone that they name."""
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def digest(said: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(canonical(said)).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal as it stands in the books: `sequence` in the pool's chain, `number` (凭证号) in the pool's year.

    `accounting_on` (记账日期) is the day in whose period it stands: the day that it happened on, or
    the first day of the open period where that one was closed.
    """

    pool: str
    sequence: int
    year: int
    number: int
    id: UUID
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    accounting_on: date
    booked_at: datetime
    carries: bool
    reverses: UUID | None
    facts_hash: bytes
    previous: bytes
    lines: Sequence[Line]
    hash: bytes = b""

    @property
    def late(self) -> bool:
        """Whether it belongs to a period that was closed when it came."""
        return self.accounting_on != self.happened_on

    def canonical(self) -> bytes:
        """The line that is hashed and exported."""
        return canonical(
            {
                "format": FORMAT,
                "pool": self.pool,
                "sequence": self.sequence,
                "year": self.year,
                "number": self.number,
                "id": self.id,
                "title": self.title,
                "source": self.source,
                "source_event_id": self.source_event_id,
                "happened_on": self.happened_on,
                "accounting_on": self.accounting_on,
                "booked_at": self.booked_at.astimezone(UTC),
                "carries": self.carries,
                "reverses": self.reverses,
                "facts": self.facts_hash.hex(),
                "previous": self.previous.hex(),
                "lines": [
                    {
                        "account": line.account,
                        "county": line.county,
                        "scheme": line.scheme,
                        "payer": line.payer,
                        "organization_id": line.organization_id,
                        "amount_fen": line.amount_fen,
                    }
                    for line in self.lines
                ],
            }
        )

    def hashed(self) -> bytes:
        return hashlib.sha256(self.canonical()).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """Where a pool's books stand: the last entry's sequence and hash, the last voucher number of each year.

    What happened before `open_from` belongs to a closed period; None while nothing was ever closed.
    """

    pool: str
    sequence: int = 0
    hash: bytes = BEGINNING
    numbers: Mapping[str, int] | None = None
    open_from: date | None = None

    def closes(self, day: date) -> bool:
        return self.open_from is not None and day < self.open_from


def placed(*, head: Head, journals: Sequence[Journal], booked_at: datetime) -> tuple[list[Entry], Head]:
    """Give journals of one pool the next places after its head, and the head after them."""
    sequence, previous, numbers = head.sequence, head.hash, dict(head.numbers or {})
    entries = []
    for journal in journals:
        accounting_on = max(journal.happened_on, head.open_from or journal.happened_on)
        year = str(accounting_on.year)
        sequence += 1
        numbers[year] = numbers.get(year, 0) + 1
        entry = Entry(
            pool=journal.pool,
            sequence=sequence,
            year=accounting_on.year,
            number=numbers[year],
            id=journal.id,
            title=journal.title,
            source=journal.source,
            source_event_id=journal.source_event_id,
            happened_on=journal.happened_on,
            accounting_on=accounting_on,
            booked_at=booked_at,
            carries=journal.carries,
            reverses=journal.reverses,
            facts_hash=journal.facts_hash,
            previous=previous,
            lines=journal.lines,
        )
        previous = entry.hashed()
        object.__setattr__(entry, "hash", previous)  # a copy of each would cost a tenth of the batch
        entries.append(entry)
    return entries, replace(head, sequence=sequence, hash=previous, numbers=numbers)


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry that does not follow from the one before it, and why."""

    sequence: int
    reason: str


def first_break(*, entries: Iterable[Entry], head: Head) -> tuple[Break | None, Head]:
    """Follow the chain from a head; the first entry that breaks it, and how far it holds.

    From the middle of a chain a year's first number is taken as it is.
    """
    numbers = dict(head.numbers or {})
    sequence, previous = head.sequence, head.hash
    broken = None
    for entry in entries:
        year = str(entry.year)
        if head.sequence:
            numbers.setdefault(year, entry.number - 1)
        if entry.sequence != sequence + 1:
            broken = Break(sequence + 1, "序号不连续")
        elif entry.number != numbers.get(year, 0) + 1:
            broken = Break(entry.sequence, "凭证号不连续")
        elif entry.year != entry.accounting_on.year:
            broken = Break(entry.sequence, "凭证号的年度与记账日期不符")
        elif entry.previous != previous:
            broken = Break(entry.sequence, "与上一凭证的哈希不衔接")
        elif entry.hashed() != entry.hash:
            broken = Break(entry.sequence, "内容与哈希不符")
        if broken:
            break
        sequence, previous = entry.sequence, entry.hash
        numbers[year] = entry.number
    return broken, replace(head, sequence=sequence, hash=previous, numbers=numbers)
