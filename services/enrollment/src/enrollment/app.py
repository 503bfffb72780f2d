"""Enrollment as whoever deploys it sees it."""

from pathlib import Path

from changhu_common.service import Parts, Resources, Service

from enrollment.api.accounts import accounts_router
from enrollment.api.circumstances import circumstances_router
from enrollment.api.coming_of_age import coming_of_age_router
from enrollment.api.contributions import contributions_router
from enrollment.api.families import families_router
from enrollment.api.imports import imports_router
from enrollment.api.merges import merges_router
from enrollment.api.persons import coverages_router, persons_router
from enrollment.api.policy_values import policy_values_router
from enrollment.api.reports import reports_router
from enrollment.api.timelines import timelines_router
from enrollment.api.transfer_money import transfer_money_router
from enrollment.api.transfers import transfers_router
from enrollment.api.withholdings import withholdings_router
from enrollment.storage.identities import Identities
from enrollment.storage.tables import METADATA, SPINE
from enrollment.usecases.accounts import Accounts
from enrollment.usecases.arrears import Arrears
from enrollment.usecases.candidates import Candidates
from enrollment.usecases.circumstances import HARDSHIP, HOSPITAL_STAY, OTHER_BENEFIT, Circumstances
from enrollment.usecases.coming_of_age import ComingOfAge
from enrollment.usecases.conflicts import Conflicts
from enrollment.usecases.contribution_runs import ContributionRuns
from enrollment.usecases.corrections import Corrections
from enrollment.usecases.coverages import Coverages
from enrollment.usecases.families import Families
from enrollment.usecases.imports import Imports
from enrollment.usecases.likenesses import Likenesses
from enrollment.usecases.merges import Merges
from enrollment.usecases.person_receipts import PersonReceipts
from enrollment.usecases.persons import Persons
from enrollment.usecases.policy_values import PolicyValues
from enrollment.usecases.receipts import Receipts
from enrollment.usecases.refunds import Refunds
from enrollment.usecases.reports import Reports
from enrollment.usecases.startup_money import StartupMoney
from enrollment.usecases.timelines import Timelines
from enrollment.usecases.transfer_ends import TransferEnds
from enrollment.usecases.transfer_money import TransferMoney
from enrollment.usecases.transfers import Transfers
from enrollment.usecases.withholdings import Withholdings


def build(resources: Resources) -> Parts:
    database = resources.database
    identities = Identities(resources.settings)
    persons = Persons(database, identities)
    coverages = Coverages(database, persons, identities)
    imports = Imports(database, identities)
    of_age = ComingOfAge(database, identities)
    return Parts(
        routers=[
            imports_router(imports),
            persons_router(persons, resources.clock),
            merges_router(Merges(database, persons, identities), Candidates(database, identities)),
            coverages_router(coverages),
            coming_of_age_router(of_age),
            transfers_router(coverages, Transfers(database)),
            transfer_money_router(TransferMoney(database), TransferEnds(database)),
            circumstances_router(
                Circumstances(database, OTHER_BENEFIT),
                Circumstances(database, HOSPITAL_STAY),
                Circumstances(database, HARDSHIP),
            ),
            reports_router(Reports(database, identities), Conflicts(database)),
            contributions_router(ContributionRuns(database), Receipts(database), StartupMoney(database)),
            accounts_router(
                Accounts(database),
                Arrears(database),
                Corrections(database),
                PersonReceipts(database),
                Refunds(database),
            ),
            timelines_router(Timelines(database), resources.clock),
            withholdings_router(Withholdings(database, identities)),
            families_router(Families(database)),
            policy_values_router(PolicyValues(database), resources.clock),
        ],
        loops=[imports.run, Likenesses(database, identities).run, of_age.run, identities.rekeying(database).run],
        backlog=imports.waiting,
    )


SERVICE = Service(
    name="enrollment",
    title="长护参保筹资 · enrollment",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parents[2] / "migrations",
    build=build,
)
