"""What is booked keeps the reference under which its money moves at the bank, so that its line is known again."""

from collections.abc import Iterable
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_policies.reconciliation import reconciliation_rules

from fund_ledger.domain.journal import Journal
from fund_ledger.storage import bank_references


async def keep_references(transaction: Transaction, booked: Iterable[tuple[Envelope, Journal]]) -> None:
    """Keep the references of events with the journals that they make in this transaction."""
    fields = reconciliation_rules().references
    kept: dict[UUID, str] = {}
    for envelope, journal in booked:
        field = fields.get(envelope.event.TYPE)
        if field is not None and (reference := getattr(envelope.event, field)):
            kept[journal.id] = reference
    await bank_references.keep(transaction.connection, kept)
