"""What a projection rests on, gathered from the services that own it: each answers with counts and sums of its own."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date

from assessment.app import SERVICE as ASSESSMENT
from assessment.usecases.standings import Standings
from changhu_common.periods import Month
from changhu_common.service import Resources, Service
from enrollment.app import SERVICE as ENROLLMENT
from enrollment.domain.outlook import Growth
from enrollment.storage.identities import Identities
from enrollment.usecases.outlooks import Counted, Outlook, Outlooks
from fund_ledger.api.projections import Projected
from fund_ledger.app import SERVICE as FUND_LEDGER
from fund_ledger.domain.assumptions import AGE_MAX, VARIANTS, Assumptions
from fund_ledger.domain.cohorts import Cell
from fund_ledger.domain.posting import SCHEMES
from fund_ledger.domain.prevalence import Disabled
from fund_ledger.domain.projection import Basis, project, refuse_years
from fund_ledger.usecases.openings import Opening, Openings
from settlement.app import SERVICE as SETTLEMENT
from settlement.usecases.spending import Spending, Spent

from changhu_standalone.cli.assuming import grade_key
from changhu_standalone.deployment import Standalone


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which pool, with the data of which day, from which year on, over how many; payments of how many months."""

    pool: str
    on: date
    first_year: int
    years: int
    settled_months: int

    @property
    def settled_since(self) -> date:
        return Month.of(self.on).plus(1 - self.settled_months).first


async def gathered(standalone: Standalone, asked: Asked, assumed: Assumptions) -> Projected:
    """Ask every service, and project. Raises what the services and the projection refuse."""
    refuse_years(asked.years)
    async with _opened(standalone) as resources:
        enrollment = resources[ENROLLMENT.name]
        outlooks = Outlooks(enrollment.database, Identities(enrollment.settings))
        growths = [
            Growth(bases=assumed.rate("base_growth", name), statistics=assumed.rate("statistic_growth", name))
            for name in VARIANTS
        ]
        outlook = await outlooks.contributions(
            pool=asked.pool, first_year=asked.first_year, years=asked.years, growths=growths
        )
        standing = await Standings(resources[ASSESSMENT.name].database).by_grade(pool=asked.pool, on=asked.on)
        groups = {grade_key(scale, grade): persons for (scale, grade), persons in standing.items()}
        counted = await outlooks.count(pool=asked.pool, on=asked.on, groups=groups)
        spent = await Spending(resources[SETTLEMENT.name].database).settled(
            pool=asked.pool, since=asked.settled_since, until=asked.on
        )
        opening = await Openings(resources[FUND_LEDGER.name].database).opening(pool=asked.pool, on=asked.on)
    basis = _basis(asked, counted, outlook, spent, opening)
    return Projected(
        pool=asked.pool,
        name=outlook.pack.name,
        document=outlook.pack.document,
        draft=outlook.pack.draft,
        pack_version=outlook.pack.version,
        on=asked.on,
        settled_since=asked.settled_since,
        years=asked.years,
        anchor=opening.anchor,
        made_at=standalone.clock.now(),
        assumed=assumed,
        basis=basis,
        courses=project(basis=basis, assumed=assumed, years=asked.years),
        without_base=outlook.without_base,
        unassigned_fen=sum(each.fund_fen for each in spent if each.category is None),
    )


@asynccontextmanager
async def _opened(standalone: Standalone) -> AsyncIterator[Mapping[str, Resources]]:
    services: Sequence[Service] = (ENROLLMENT, ASSESSMENT, SETTLEMENT, FUND_LEDGER)
    async with AsyncExitStack() as stack:
        opened = {}
        for service in services:
            opened[service.name] = standalone.resources(service)
            stack.push_async_callback(opened[service.name].close)
        yield opened


def _basis(asked: Asked, counted: Counted, outlook: Outlook, spent: Sequence[Spent], opening: Opening) -> Basis:
    people: Counter[Cell] = Counter()
    for (county, category, sex, age), count in counted.people.items():
        people[Cell(county, category, sex, min(age, AGE_MAX))] += count
    disabled: Counter[Disabled] = Counter()
    for grade, alike in counted.groups.items():
        for (_, category, sex, age), count in alike.items():
            disabled[Disabled(category, sex, min(age, AGE_MAX), grade)] += count
    settled: Counter[tuple[str, str, str]] = Counter()
    for each in spent:
        if each.category is not None:
            settled[SCHEMES[each.category], grade_key(each.scale, each.grade), each.mode] += each.fund_fen
    first = Month.of(min((each.first_paid_on for each in spent), default=asked.on))
    last = Month.of(asked.on)
    return Basis(
        first_year=asked.first_year,
        people={cell: float(count) for cell, count in sorted(people.items())},
        disabled=disabled,
        dues={
            variant: {
                year: {(county, category): fen for (category, county), fen in due.items()} for year, due in held.items()
            }
            for variant, held in zip(VARIANTS, outlook.dues, strict=True)
        },
        settled=settled,
        settled_months=(last.year - first.year) * 12 + last.number - first.number + 1,
        opening=_of_schemes(opening.by_scheme, {SCHEMES[cell.category] for cell in people}),
    )


def _of_schemes(owned: Mapping[str, int], schemes: Collection[str]) -> dict[str, int]:
    """What the books name no scheme for (start-up money) belongs to the only scheme there is; of several to none."""
    if len(schemes) != 1:
        return dict(owned)
    (only,) = schemes
    return {only: sum(owned.values())}
