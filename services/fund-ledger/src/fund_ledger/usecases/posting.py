"""Everything that is booked comes through here: known again, placed under its pool's lock, chained and told.

The lock is taken last and once a batch: until then batches run beside each other, and a place that
is given stays given, because nothing but the writing itself follows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events.ledger import JournalPosted
from changhu_common.periods import day_of

from fund_ledger.domain.chain import Entry, Head, placed
from fund_ledger.domain.clearing import claims_paid, open_claims, refuse_overpaid
from fund_ledger.domain.journal import Journal, KeyReused
from fund_ledger.domain.periods import PeriodClosed
from fund_ledger.storage import books, journals, totals


async def post(transaction: Transaction, made: Sequence[Journal], *, by_hand: bool = False) -> list[Entry]:
    """Book journals, in order; KeyReused where one was booked with other content. Returns what is new.

    What belongs to a closed period goes into the open one; by hand it is PeriodClosed.
    """
    known = dict(await journals.facts_of(transaction.connection, [each.id for each in made])) if made else {}
    new: dict[str, list[Journal]] = defaultdict(list)
    for each in made:
        if _is_new(each, known):
            known[each.id] = each.facts_hash
            new[each.pool].append(each)
    if not new:
        return []
    heads = await books.lock(transaction.connection, new)
    entries: list[Entry] = []
    for pool, of_pool in new.items():
        if by_hand:
            refuse_closed(heads[pool], [each.happened_on for each in of_pool])
            await refuse_overpaid_claims(transaction, of_pool)
        at_place, heads[pool] = placed(head=heads[pool], journals=of_pool, booked_at=transaction.now)
        entries += at_place
    await journals.add(transaction.connection, entries)
    await books.advance(transaction.connection, heads)
    for entry in entries:
        # Its hash is nobody else's, and the event of the same entry is the same event.
        transaction.emit(_posted(entry), event_id=UUID(bytes=entry.hash[:16], version=5))
    return entries


def refuse_closed(head: Head, days: Iterable[date]) -> None:
    """PeriodClosed where one of the days, on which something is booked by hand, lies in a closed period."""
    for day in days:
        if head.closes(day):
            raise PeriodClosed(
                f"{day:%Y-%m} 已结账, 不能人工记账; 请记入 {head.open_from:%Y-%m} 或以后的期间。",
                open_from=str(head.open_from),
            )


async def refuse_overpaid_claims(transaction: Transaction, made: Sequence[Journal]) -> None:
    """ClaimOverpaid where a journal takes back more of a county's claim than stands in the books."""
    for each in made:
        if paid := claims_paid(pool=each.pool, lines=each.lines):
            stands = await totals.by_book(transaction.connection, pool=each.pool, until=date.max)
            refuse_overpaid(paid=paid, claimed=open_claims(pool=each.pool, balances=stands))


def _is_new(journal: Journal, known: dict[UUID, bytes]) -> bool:
    facts = known.get(journal.id)
    if facts is not None and facts != journal.facts_hash:
        raise KeyReused(
            "这笔业务已按不同的内容记账, 不会重复记账; 更正请冲销原凭证后另行记账。",
            journal_id=str(journal.id),
            source=journal.source,
        )
    return facts is None


def _posted(entry: Entry) -> JournalPosted:
    return JournalPosted(
        journal_id=entry.id,
        pool=entry.pool,
        title=entry.title,
        source=entry.source,
        source_event_id=entry.source_event_id,
        happened_on=entry.happened_on,
        booked_on=day_of(entry.booked_at),
        lines=tuple(entry.lines),
        sequence=entry.sequence,
        year=entry.year,
        number=entry.number,
        accounting_on=entry.accounting_on,
        booked_at=entry.booked_at,
        carries=entry.carries,
        reverses=entry.reverses,
        facts=entry.facts_hash.hex(),
        previous=entry.previous.hex(),
        hash=entry.hash.hex(),
    )
