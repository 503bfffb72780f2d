"""Settlement as whoever deploys it sees it."""

from collections.abc import Mapping
from pathlib import Path

from changhu_common.service import Parts, Resources, Service

from settlement.api.deposits import deposits_router
from settlement.api.enquiries import enquiries_router
from settlement.api.handling_fees import handling_fees_router
from settlement.api.recoveries import recoveries_router
from settlement.api.returns import returns_router
from settlement.api.statements import statements_router
from settlement.consumers.facts import FACTS, SUBSCRIPTION
from settlement.storage.tables import METADATA, SPINE
from settlement.usecases.closing import Closing
from settlement.usecases.deposits import Deposits
from settlement.usecases.enquiries import Enquiries
from settlement.usecases.handling_entry import HandlingEntry
from settlement.usecases.handling_fees import HandlingFees
from settlement.usecases.recounting import Recounting
from settlement.usecases.recoveries import Recoveries
from settlement.usecases.recovery_receipts import RecoveryReceipts
from settlement.usecases.returns import Returns
from settlement.usecases.statements import Statements


def build(resources: Resources) -> Parts:
    async def lag() -> Mapping[str, int]:
        behind = await resources.bus.lag(group=SUBSCRIPTION.group, topics=[topic.name for topic in FACTS])
        return {each.topic: each.messages for each in behind}

    database = resources.database
    recounting = Recounting(database)
    return Parts(
        routers=[
            enquiries_router(Enquiries(database), resources.clock),
            statements_router(Closing(database, lag), Statements(database), resources.clock),
            handling_fees_router(HandlingEntry(database), HandlingFees(database)),
            returns_router(Returns(database)),
            deposits_router(Deposits(database)),
            recoveries_router(Recoveries(database, resources.clock), RecoveryReceipts(database)),
        ],
        subscription=SUBSCRIPTION,
        loops=[recounting.run],
        backlog=recounting.waiting,
    )


SERVICE = Service(
    name="settlement",
    title="长护待遇结算 · settlement",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
