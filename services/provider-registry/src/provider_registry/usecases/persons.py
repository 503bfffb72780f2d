"""Who is insured where, as far as enrollment told."""

from collections.abc import Sequence

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_common.events.enrollment import PersonState

from provider_registry.storage import persons


class Persons:
    """The people whom organisations may care for."""

    async def keep(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        """Keep what a batch of events says of people; what else enrollment tells is not needed here."""
        await persons.keep(
            transaction.connection,
            [each.event for each in envelopes if isinstance(each.event, PersonState)],
        )
