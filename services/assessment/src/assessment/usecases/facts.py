"""What other services tell is kept as it comes, whatever comes first; rules look at it when they are asked."""

from collections.abc import Sequence

from changhu_common.database import Transaction
from changhu_common.events import Envelope
from changhu_common.events.care import CarePlanConfirmed, Service
from changhu_common.events.enrollment import Merge, PersonState
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.provider import AgreementState, StaffState
from changhu_policies.projection import SuppliedValues

from assessment.storage import facts, fees
from assessment.storage.tables import MERGED
from assessment.usecases.concluding import follow_merges
from assessment.usecases.fees import DECIDING, follow, follow_pool


class Facts:
    """The projections of persons, organisations, staff, care and supplied values."""

    def __init__(self, supplied: SuppliedValues) -> None:
        self._supplied = supplied

    async def keep(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        """Keep a batch, in one statement a kind however many they are."""
        events = [envelope.event for envelope in envelopes]
        connection = transaction.connection
        await facts.keep_persons(connection, [each for each in events if isinstance(each, PersonState)])
        await facts.keep_agreements(connection, [each for each in events if isinstance(each, AgreementState)])
        await facts.keep_staff(connection, [each for each in events if isinstance(each, StaffState)])
        await facts.keep_care(connection, [each for each in events if isinstance(each, CarePlanConfirmed | Service)])
        merges = [each for each in events if isinstance(each, Merge)]
        if handed := await MERGED.keep(connection, merges):
            await follow_merges(transaction, handed)
        values = [each for each in events if isinstance(each, PolicyValueApproved)]
        pools = sorted({each.pool for each in values if each.parameter in DECIDING})
        await fees.hold(connection, pools, shared=False)
        await self._supplied.keep(transaction, values)
        moved = {person for each in handed for person in (each.before, each.now)}
        await follow(transaction, self._supplied, persons=moved)
        for pool in pools:
            await follow_pool(transaction, self._supplied, pool)
