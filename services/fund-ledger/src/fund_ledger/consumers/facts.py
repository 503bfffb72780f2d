"""The facts that are booked: money that came in, and money that the bank paid."""

from changhu_common.consumer import Subscription
from changhu_common.events.enrollment import CONTRIBUTION
from changhu_common.events.settlement import PAYMENT

from fund_ledger.usecases.books import Books


def subscription(books: Books) -> Subscription:
    return Subscription(group="fund-ledger", topics=(CONTRIBUTION, PAYMENT), apply=books.book)
