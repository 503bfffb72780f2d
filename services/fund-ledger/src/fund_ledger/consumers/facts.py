"""The facts that are booked: whatever a posting rule names, on the topics that tell it."""

from changhu_common.consumer import Subscription
from changhu_common.events import REGISTRY
from changhu_policies.accounting import chart

from fund_ledger.usecases.books import Books


def subscription(books: Books) -> Subscription:
    topics = {event.TOPIC for event in REGISTRY if event.TYPE in chart().rules}
    return Subscription(
        group="fund-ledger", topics=tuple(sorted(topics, key=lambda topic: topic.name)), apply=books.book
    )
