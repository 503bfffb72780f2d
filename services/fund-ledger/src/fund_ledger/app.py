"""The fund ledger as whoever deploys it sees it."""

from pathlib import Path

from changhu_common.service import Parts, Resources, Service

from fund_ledger.api.books import books_router
from fund_ledger.api.proof import proof_router
from fund_ledger.consumers.facts import subscription
from fund_ledger.storage.tables import METADATA, SPINE
from fund_ledger.usecases.books import Books
from fund_ledger.usecases.proof import Proofs


def build(resources: Resources) -> Parts:
    database, clock = resources.database, resources.clock
    books = Books(database)
    return Parts(
        routers=[books_router(books, clock), proof_router(Proofs(database), clock)],
        subscription=subscription(books),
    )


SERVICE = Service(
    name="fund-ledger",
    title="长护基金账 · fund ledger",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
