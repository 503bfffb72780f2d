"""People a second for whom a month's shares are counted and added up, beside OpenFisca-Core with the same variables.

Both count the employer's and the person's share of everybody's base and their sums, in the same process:
ours in whole fen from the pack's rule, OpenFisca in its own floats, where a fen may be lost.
"""

from typing import Any

import numpy as np
from changhu_policies import load_pack
from enrollment.domain.contribution import ContributionRule, contribution_rule
from enrollment.domain.simulation import totals_due
from openfisca_core import entities, periods
from openfisca_core.simulations import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from tests.performance.figures import Figure, Rate
from tests.performance.ground import NOW, POOL, Ground, stopwatch

SIZES = (100_000, 2_400_000)
QUICK = 10_000

MONTH = f"{NOW:%Y-%m}"
TIMES = 5  # each is measured so often, in turns, and the best of each is told


async def measure(ground: Ground, size: int) -> list[Figure]:
    rule = contribution_rule(pack=load_pack(POOL), category="employee", on=NOW.date())
    bases_fen = np.random.default_rng(1).integers(200_000, 3_000_000, size)
    system, person = _system(rule)
    ours_best, theirs_best = float("inf"), float("inf")
    ours, theirs = 0, 0.0
    for _ in range(TIMES):
        with stopwatch() as watch:
            ours = _ours(rule, bases_fen)
        ours_best = min(ours_best, watch.seconds)
        with stopwatch() as watch:
            theirs = _theirs(system, person, bases_fen)
        theirs_best = min(theirs_best, watch.seconds)
    return [
        Figure(
            unit="people",
            size=size,
            ours=Rate.of("simulation in exact fen", size, ours_best),
            baselines=[Rate.of("OpenFisca-Core, floats", size, theirs_best)],
            beside={"fen that floats are off by": abs(theirs - ours)},
        )
    ]


def _ours(rule: ContributionRule, bases_fen: Any) -> int:
    times = np.ones(len(bases_fen), dtype=np.int64)
    return sum(totals_due(rule, bases_fen, times).values())


def _theirs(system: Any, person: Any, bases_fen: Any) -> float:
    """Build a simulation over these people and calculate, as its users do."""
    builder = SimulationBuilder()
    builder.create_entities(system)
    builder.declare_person_entity(person.key, range(len(bases_fen)))
    simulation = builder.build(system)
    simulation.set_input("base", MONTH, bases_fen)
    return sum(float(simulation.calculate(name, MONTH).sum(dtype=np.float64)) for name in ("employer", "person_share"))


def _system(rule: ContributionRule) -> tuple[Any, Any]:
    """A tax and benefit system that knows one person's base and the two shares of it."""
    person = entities.build_entity(key="person", plural="persons", label="", is_person=True)
    system = TaxBenefitSystem([person])

    def variable(name: str, **members: Any) -> None:
        common = {"value_type": float, "entity": person, "definition_period": periods.MONTH}
        system.add_variable(type(name, (Variable,), common | members))

    variable("base")
    for name, share in zip(("employer", "person_share"), rule.shares, strict=True):
        variable(name, formula=_formula(float(share.rate)))
    return system, person


def _formula(rate: float) -> Any:
    def formula(people: Any, period: Any) -> Any:
        return np.floor(people("base", period) * rate + 0.5)

    return formula
