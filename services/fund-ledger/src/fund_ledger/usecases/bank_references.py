"""What is booked keeps the reference under which its money moves at the bank, so that its line is known again."""

from collections.abc import Sequence
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_policies.accounting import chart
from changhu_policies.reconciliation import reconciliation_rules

from fund_ledger.domain.posting import journal_id
from fund_ledger.storage import bank_references


async def keep_references(transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
    """Keep the references of a batch of events that is booked in this transaction."""
    rules, fields = chart().rules, reconciliation_rules().references
    kept: dict[UUID, str] = {}
    for envelope in envelopes:
        event = envelope.event
        if event.TYPE in fields and (reference := getattr(event, fields[event.TYPE])):
            kept[journal_id(event, rules[event.TYPE])] = reference
    await bank_references.keep(transaction.connection, kept)
