"""A simulation over the stored people finds what their runs found, and what a proposed pack would find instead."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from changhu_policies import PolicyMissing, PolicyNotInForce
from changhu_policies.folders import Content, amended, read_pack
from enrollment.usecases.simulations import Simulation, Simulations

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
POOL = "211100"
IN_FORCE = read_pack(POOL)
DEARER = amended(
    IN_FORCE,
    {"contribution.rate": {"share": ["employer", "person"], "value": "0.25%", "clause": "试", "status": "stated"}},
)


async def simulated(enrollment: Running, draft: Content = DEARER, year: int = 2026) -> Simulation:
    return await Simulations(enrollment.database).simulate(pool=POOL, year=year, draft=draft)


async def a_small_city(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = f"/persons/{told['person_id']}/coverage/{told['coverage'][0]['coverage_id']}/base"
    await enrollment.post(at, clerk, {"since": "2026-07", "base_fen": 1_000_000})
    changed = await enrol(2, county="211122", coverage={"end": "2026-07-15"})
    retired = {"category": "retiree", "start": "2026-07-16", "base_fen": 321_777}
    await enrollment.post(f"/persons/{changed['person_id']}/coverage", clerk, retired)
    dead = await enrol(3)
    await enrollment.post(f"/persons/{dead['person_id']}/death", clerk, {"died_on": "2026-03-31"})
    await enrol(4, coverage={"base_fen": None})
    await enrol(5, marks=["medical_assistance"], coverage={"category": "flexible", "start": "2026-02-10"})
    for n, base_fen in ((6, 100_000), (7, None)):
        for_a_while = (await enrol(n, coverage={"base_fen": base_fen}))["person_id"]
        days = {"kind": "medical_assistance", "start": "2026-03-10", "end": "2026-08-31"}
        await enrollment.post(f"/persons/{for_a_while}/hardships", clerk, days)
    moved = (await enrol(8))["person_id"]
    await enrollment.post(f"/persons/{moved}/details", clerk, {"county": "211122", "county_since": "2026-04-10"})


async def test_a_year_comes_to_what_its_runs_stored(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await a_small_city(enrollment, enrol, clerk)
    enrollment.advance_to(datetime(2027, 1, 5, 9, tzinfo=SHANGHAI))
    later = enrollment.token(Role.ENROLLMENT_CLERK)
    places: Counter[tuple[str, str]] = Counter()
    payers: Counter[str] = Counter()
    for month in range(1, 13):
        body = {"pool": POOL, "period": f"2026-{month:02d}"}
        for each in (await enrollment.post("/contribution-runs", later, body)).json()["totals"]:
            places[each["category"], each["county"]] += each["due_fen"]
            payers[each["payer"]] += each["due_fen"]
    now = (await simulated(enrollment)).now
    assert (now.due_at, now.due_from) == (dict(places), dict(payers))
    assert (now.persons, now.without_base) == (6, 2)
    assert now.persons_at["retiree", "211122"] == 1


async def test_a_draft_is_counted_over_the_same_people(enrollment: Running, enrol: Enrol) -> None:
    await enrol(1)
    found = await simulated(enrollment)
    assert (found.now.due_fen, found.then.due_fen) == (12 * 2172, 12 * 2 * 1358)
    assert found.draft.version != found.pack.version


async def test_people_of_other_pools_and_years_are_not_counted(enrollment: Running, enrol: Enrol) -> None:
    await enrol(1, coverage={"end": "2026-06-30"})
    assert (await simulated(enrollment, year=2027)).now.persons == 0
    assert (await simulated(enrollment, year=2025)).now.persons == 0


async def test_a_missing_value_stops_it_with_its_name(enrollment: Running, enrol: Enrol) -> None:
    await enrol(1)
    unsaid = amended(IN_FORCE, {"contribution.base": {"clause": "试", "status": "missing"}})
    with pytest.raises(PolicyMissing) as refusal:
        await simulated(enrollment, unsaid)
    assert refusal.value.members["parameter"] == "contribution.base"


async def test_a_year_before_the_pack_is_refused(enrollment: Running) -> None:
    with pytest.raises(PolicyNotInForce):
        await simulated(enrollment, year=2020)
