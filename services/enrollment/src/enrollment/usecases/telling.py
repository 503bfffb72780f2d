"""A person's events carry the whole state and the next revision, told under the lock of the person's row."""

from collections.abc import Mapping
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events.enrollment import PersonState

from enrollment.storage import persons


async def tell(transaction: Transaction, told: Mapping[UUID, type[PersonState]]) -> None:
    """Tell these persons' new states; the caller has locked their rows and written what changed."""
    if not told:
        return
    rows = await persons.next_revision(transaction.connection, told)
    insured = await persons.insurance(transaction.connection, told)
    transaction.emit(*(persons.state(told[person], rows[person], insured[person]) for person in sorted(told)))
