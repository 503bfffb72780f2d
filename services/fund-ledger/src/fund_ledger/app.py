"""The fund ledger as whoever deploys it sees it."""

from collections.abc import Mapping
from pathlib import Path

from changhu_common.service import Parts, Resources, Service

from fund_ledger.api.bank_accounts import bank_accounts_router, bank_lines_router
from fund_ledger.api.books import books_router
from fund_ledger.api.budgets import budgets_router
from fund_ledger.api.drafts import drafts_router
from fund_ledger.api.matching import matching_router
from fund_ledger.api.periods import periods_router
from fund_ledger.api.projections import EDGE, projections_router
from fund_ledger.api.proof import proof_router
from fund_ledger.api.reconciliation import reconciliation_router
from fund_ledger.api.reports import reports_router
from fund_ledger.api.reservations import reservations_router
from fund_ledger.api.vouchers import vouchers_router
from fund_ledger.consumers.facts import subscription
from fund_ledger.storage.bank_secrets import BankSecrets
from fund_ledger.storage.tables import METADATA, SPINE
from fund_ledger.usecases.bank_accounts import BankAccounts
from fund_ledger.usecases.bank_lines import BankLines
from fund_ledger.usecases.books import Books
from fund_ledger.usecases.budgets import Budgets
from fund_ledger.usecases.drafts import Drafts
from fund_ledger.usecases.executions import Executions
from fund_ledger.usecases.line_drafts import LineDrafts
from fund_ledger.usecases.matching import Matching
from fund_ledger.usecases.months import MonthlyReports
from fund_ledger.usecases.periods import Periods
from fund_ledger.usecases.projections import Gather, Projections
from fund_ledger.usecases.proof import Proofs
from fund_ledger.usecases.reconciliation import Reconciliations
from fund_ledger.usecases.recurring import Recurring
from fund_ledger.usecases.reports import Reports
from fund_ledger.usecases.reservations import Reservations
from fund_ledger.usecases.statements import Statements
from fund_ledger.usecases.tax_receipts import TaxReceipts
from fund_ledger.usecases.vouchers import Vouchers


def build(resources: Resources, gather: Gather | None = None) -> Parts:
    """The service; `gather` is given where it runs together with those that a projection rests on."""
    heard = subscription(Books(resources.database))

    async def lag() -> Mapping[str, int]:
        behind = await resources.bus.lag(group=heard.group, topics=heard.topic_names)
        return {each.topic: each.messages for each in behind}

    database, clock = resources.database, resources.clock
    books, recurring, reservations = Books(database), Recurring(database, clock), Reservations(database)
    secrets = BankSecrets(resources.settings)
    projections = Projections(database, EDGE, gather)
    return Parts(
        routers=[
            books_router(books, clock),
            vouchers_router(Vouchers(database), clock),
            proof_router(Proofs(database), clock),
            periods_router(Periods(database, clock, lag), clock),
            drafts_router(Drafts(database), recurring),
            bank_accounts_router(BankAccounts(database, secrets), Statements(database, secrets)),
            bank_lines_router(BankLines(database, secrets), LineDrafts(database)),
            matching_router(Matching(database)),
            reconciliation_router(Reconciliations(database), TaxReceipts(database), clock),
            reports_router(Reports(database), MonthlyReports(database), clock),
            budgets_router(Budgets(database), Executions(database, clock), clock),
            reservations_router(reservations),
            projections_router(projections, clock),
        ],
        subscription=subscription(books),
        loops=[recurring.run, reservations.run, projections.run, secrets.rekeying(database).run],
    )


SERVICE = Service(
    name="fund-ledger",
    title="长护基金账 · fund ledger",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
