"""The fund ledger as whoever deploys it sees it."""

from pathlib import Path

from changhu_common.service import Parts, Resources, Service

from fund_ledger.api.books import books_router
from fund_ledger.consumers.facts import subscription
from fund_ledger.storage.tables import METADATA, SPINE
from fund_ledger.usecases.books import Books


def build(resources: Resources) -> Parts:
    books = Books(resources.database)
    return Parts(routers=[books_router(books, resources.clock)], subscription=subscription(books))


SERVICE = Service(
    name="fund-ledger",
    title="长护基金账 · fund ledger",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
