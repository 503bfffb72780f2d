"""The provider registry as whoever deploys it sees it."""

from pathlib import Path

from changhu_common.rekeying import Rekeying, SealedRows
from changhu_common.service import Parts, Resources, Service

from provider_registry.api.organizations import organizations_router
from provider_registry.api.plans import plans_router
from provider_registry.api.prices import prices_router
from provider_registry.api.staff import staff_router
from provider_registry.api.visits import visits_router
from provider_registry.consumers.persons import subscription
from provider_registry.storage.tables import METADATA, SPINE, staff
from provider_registry.usecases.agreements import Agreements
from provider_registry.usecases.organizations import Organizations
from provider_registry.usecases.persons import Persons
from provider_registry.usecases.plans import Plans
from provider_registry.usecases.prices import Prices
from provider_registry.usecases.staff import Staff
from provider_registry.usecases.visit_reading import VisitReading
from provider_registry.usecases.visits import Visits

SEALED = (SealedRows(table=staff, sealed=("name",)),)


def build(resources: Resources) -> Parts:
    database, cipher = resources.database, resources.settings.field_cipher()
    return Parts(
        routers=[
            organizations_router(Organizations(database), Agreements(database)),
            staff_router(Staff(database, cipher)),
            prices_router(Prices(database)),
            plans_router(Plans(database)),
            visits_router(Visits(database), VisitReading(database)),
        ],
        subscription=subscription(Persons()),
        loops=[Rekeying(database, cipher, SEALED).run],
    )


SERVICE = Service(
    name="provider-registry",
    title="长护定点机构与服务 · provider registry",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
