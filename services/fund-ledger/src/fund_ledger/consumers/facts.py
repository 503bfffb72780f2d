"""The facts that the ledger hears: what a posting rule names, the statements that ask the budget, supplied values."""

from collections.abc import Sequence

from changhu_common.consumer import Subscription
from changhu_common.database import Transaction
from changhu_common.events import REGISTRY, Envelope
from changhu_common.events.policy import VALUE
from changhu_common.events.settlement import STATEMENT
from changhu_policies.accounting import chart

from fund_ledger.usecases.books import Books
from fund_ledger.usecases.reserving import follow


def subscription(books: Books) -> Subscription:
    async def apply(transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        await follow(transaction, envelopes, books)

    booked = {event.TOPIC for event in REGISTRY if event.TYPE in chart().rules}
    topics = sorted({*booked, STATEMENT, VALUE}, key=lambda topic: topic.name)
    return Subscription(group="fund-ledger", topics=tuple(topics), apply=apply)
