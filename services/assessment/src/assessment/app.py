"""Assessment as whoever deploys it sees it."""

from pathlib import Path

from changhu_common.service import Parts, Resources, Service
from changhu_policies.projection import SuppliedValues

from assessment.api.applications import applications_router
from assessment.api.assessments import assessments_router
from assessment.api.conclusions import conclusions_router
from assessment.api.fees import fees_router
from assessment.api.publicity import publicity_router
from assessment.consumers.facts import subscription
from assessment.storage.tables import METADATA, SPINE, supplied_value
from assessment.usecases.applications import Applications
from assessment.usecases.assessments import Assessments
from assessment.usecases.conclusions import Conclusions
from assessment.usecases.facts import Facts
from assessment.usecases.fees import Fees
from assessment.usecases.publicity import Publicity


def build(resources: Resources) -> Parts:
    supplied = SuppliedValues(supplied_value)
    fees = Fees(resources.database, supplied)
    publicity = Publicity(resources.database, supplied, resources.clock)
    return Parts(
        routers=[
            applications_router(Applications(resources.database, supplied)),
            assessments_router(Assessments(resources.database, supplied)),
            publicity_router(publicity),
            conclusions_router(Conclusions(resources.database, supplied)),
            fees_router(fees),
        ],
        subscription=subscription(Facts(supplied)),
        loops=[publicity.run, fees.run],
        backlog=fees.waiting,
    )


SERVICE = Service(
    name="assessment",
    title="失能等级评估 · assessment",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
