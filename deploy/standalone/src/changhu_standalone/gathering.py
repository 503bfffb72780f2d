"""What a projection rests on, gathered from the services that own it: each answers with counts and sums of its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING, Final

from assessment.app import SERVICE as ASSESSMENT
from assessment.usecases.standings import Standings
from changhu_common.periods import Month
from changhu_common.service import Resources, Service
from changhu_policies import Pack, Value
from enrollment.app import SERVICE as ENROLLMENT
from enrollment.domain.outlook import Growth
from enrollment.storage.identities import Identities
from enrollment.usecases.outlooks import Counted, Outlook, Outlooks
from fund_ledger.api.assumptions import grade_key
from fund_ledger.app import SERVICE as FUND_LEDGER
from fund_ledger.domain.assumptions import AGE_MAX, VARIANTS, Assumptions
from fund_ledger.domain.cohorts import Cell
from fund_ledger.domain.posting import SCHEMES
from fund_ledger.domain.prevalence import Disabled
from fund_ledger.domain.projected import Projected, ProjectionAsked
from fund_ledger.domain.projection import Basis, project
from fund_ledger.usecases.openings import Opening, Openings
from fund_ledger.usecases.projections import Tell
from settlement.app import SERVICE as SETTLEMENT
from settlement.usecases.spending import Spending, Spent

if TYPE_CHECKING:
    from changhu_standalone.deployment import Standalone

# What is left to do once the dues of each year are known: to count, to sum up, to project.
STEPS: Final = 3

# Who has to be asked, beside the ledger itself.
ASKED: Final[Sequence[Service]] = (ENROLLMENT, ASSESSMENT, SETTLEMENT, FUND_LEDGER)


async def _untold(done: int, total: int, step: str) -> None:
    """Nobody watches."""


async def gathered(
    resources: Mapping[str, Resources], asked: ProjectionAsked, assumed: Assumptions, tell: Tell = _untold
) -> Projected:
    """Ask every service, and project; `tell` hears how far it is. Raises what services and projection refuse."""
    total = asked.years + STEPS
    enrollment, ledger = resources[ENROLLMENT.name], resources[FUND_LEDGER.name]
    outlooks = Outlooks(enrollment.database, Identities(enrollment.settings))
    growths = [
        Growth(bases=assumed.rate("base_growth", name), statistics=assumed.rate("statistic_growth", name))
        for name in VARIANTS
    ]

    async def charged(years: int) -> None:
        await tell(years, total, f"计算各年应缴额（{asked.first_year + years - 1} 年）")

    await tell(0, total, "读取参保人员")
    outlook = await outlooks.contributions(
        pool=asked.pool, first_year=asked.first_year, years=asked.years, growths=growths, charged=charged
    )
    await tell(asked.years, total, "统计参保和失能人数")
    standing = await Standings(resources[ASSESSMENT.name].database).by_grade(pool=asked.pool, on=asked.on)
    groups = {grade_key(scale, grade): persons for (scale, grade), persons in standing.items()}
    counted = await outlooks.count(pool=asked.pool, on=asked.on, groups=groups)
    await tell(asked.years + 1, total, "汇总拨付和账簿")
    spent = await Spending(resources[SETTLEMENT.name].database).settled(
        pool=asked.pool, since=asked.settled_since, until=asked.on
    )
    opening = await Openings(ledger.database).opening(pool=asked.pool, since=asked.settled_since, on=asked.on)
    basis = _basis(asked, counted, outlook, spent, opening)
    await tell(asked.years + 2, total, "逐年测算")
    # Beside the event loop: thirty years of a big city take seconds.
    courses = await asyncio.to_thread(project, basis=basis, assumed=assumed, years=asked.years)
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
        made_at=ledger.clock.now(),
        assumed=assumed,
        basis=basis,
        courses=courses,
        without_base=outlook.without_base,
        unassigned_fen=sum(each.fund_fen for each in spent if each.category is None),
        policy=list(_of_contributions(outlook.pack, asked)),
    )


def _of_contributions(pack: Pack, asked: ProjectionAsked) -> Iterator[Value]:
    """What the pack says of contributions in the years asked for."""
    first, last = date(asked.first_year, 1, 1), date(asked.first_year + asked.years - 1, 12, 31)
    for each in pack.values():
        if each.parameter.startswith("contribution.") and each.start <= last and each.end >= first:
            yield each


@asynccontextmanager
async def opened(standalone: "Standalone") -> AsyncIterator[Mapping[str, Resources]]:
    """The services that are asked, for a command that runs beside them."""
    async with AsyncExitStack() as stack:
        found = {}
        for service in ASKED:
            found[service.name] = standalone.resources(service)
            stack.push_async_callback(found[service.name].close)
        yield found


def _basis(
    asked: ProjectionAsked, counted: Counted, outlook: Outlook, spent: Sequence[Spent], opening: Opening
) -> Basis:
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
    schemes = {SCHEMES[cell.category] for cell in people}
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
        opening=_of_schemes(opening.by_scheme, schemes),
        returned=_returned(settled, _of_schemes(opening.benefits, schemes)),
    )


def _of_schemes(owned: Mapping[str, int], schemes: Collection[str]) -> dict[str, int]:
    """What the books name no scheme for (start-up money) belongs to the only scheme there is; of several to none."""
    if len(schemes) != 1 or not owned:
        return dict(owned)
    (only,) = schemes
    return {only: sum(owned.values())}


def _returned(settled: Mapping[tuple[str, str, str], int], benefits: Mapping[str, int]) -> dict[str, int]:
    """What the books say that care cost less than was paid, scheme by scheme, where they know of any."""
    paid: Counter[str] = Counter()
    for (scheme, _, _), fen in settled.items():
        paid[scheme] += fen
    return {scheme: paid[scheme] - fen for scheme, fen in benefits.items() if paid[scheme] and fen != paid[scheme]}
