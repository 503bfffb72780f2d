"""Who is insured where, and which records are one person's, as far as enrollment told.

Plans and visits stay with the record that they were made for, and are read as the person's.
"""

from collections.abc import Sequence

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_common.events.enrollment import Merge, PersonState

from provider_registry.storage import persons
from provider_registry.storage.tables import MERGED


class Persons:
    """The people whom organisations may care for."""

    async def keep(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        """Keep what a batch of events says of people; what else enrollment tells is not needed here."""
        events = [each.event for each in envelopes]
        await persons.keep(transaction.connection, [each for each in events if isinstance(each, PersonState)])
        await MERGED.keep(transaction.connection, [each for each in events if isinstance(each, Merge)])
