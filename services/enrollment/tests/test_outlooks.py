"""What a projection is told of people and contributions is what the registry and the pack say, and no more."""

from collections.abc import Awaitable, Callable
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from changhu_common.roles import Role
from changhu_policies import PolicyMissing, PolicyNotInForce
from changhu_policies.folders import read_pack
from enrollment.domain.outlook import Growth
from enrollment.storage.identities import Identities
from enrollment.usecases.outlooks import Outlooks
from enrollment.usecases.simulations import Simulations

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
POOL, COUNTY, OTHER = "211100", "211102", "211122"
DAY = date(2026, 7, 1)
STILL = Growth(bases=Fraction(0), statistics=Fraction(0))


@pytest.fixture
def outlooks(enrollment: Running) -> Outlooks:
    return Outlooks(enrollment.database, Identities(enrollment.resources.settings))


async def test_people_are_counted_by_county_category_sex_and_age(outlooks: Outlooks, enrol: Enrol, people: Any) -> None:
    await enrol(1)  # a man, born on 1950-01-01
    await enrol(2, county=OTHER)
    await enrol(3, coverage={"category": "retiree"})
    await enrol(4, resident_number=people.number(4, born=1950_07_02))
    counted = await outlooks.count(pool=POOL, on=DAY, groups={})
    assert counted.people == {
        (COUNTY, "employee", "male", 76): 1,
        (OTHER, "employee", "female", 76): 1,
        (COUNTY, "retiree", "male", 76): 1,
        (COUNTY, "employee", "female", 75): 1,  # tomorrow a year older
    }


async def test_only_the_living_who_are_insured_on_the_day_count(
    enrollment: Running, outlooks: Outlooks, enrol: Enrol
) -> None:
    clerk = enrollment.token(Role.ENROLLMENT_CLERK)
    dead = await enrol(1)
    await enrollment.post(f"/persons/{dead['person_id']}/death", clerk, {"died_on": "2026-06-30"})
    await enrol(2, coverage={"end": "2026-06-30"})
    assert not (await outlooks.count(pool=POOL, on=DAY, groups={})).people
    assert sum((await outlooks.count(pool=POOL, on=date(2026, 6, 29), groups={})).people.values()) == 2


async def test_a_group_is_counted_among_those_who_are_insured(outlooks: Outlooks, enrol: Enrol) -> None:
    one = await enrol(1)
    await enrol(2)
    gone = await enrol(3, coverage={"end": "2026-03-31"})
    groups = {"heavy": [UUID(one["person_id"]), UUID(gone["person_id"])], "light": []}
    counted = await outlooks.count(pool=POOL, on=DAY, groups=groups)
    assert counted.groups == {"heavy": {(COUNTY, "employee", "male", 76): 1}, "light": {}}


async def test_whoever_is_known_by_a_merged_record_counts_once(
    enrollment: Running, outlooks: Outlooks, enrol: Enrol
) -> None:
    survivor = await enrol(1, coverage={"start": "2026-06-01"})
    merged = await enrol(2, coverage={"end": "2026-05-31"})
    entered = await enrollment.post(
        "/merges",
        enrollment.token(Role.ENROLLMENT_CLERK),
        {"survivor_id": survivor["person_id"], "merged_id": merged["person_id"], "reason": "重复登记"},
    )
    assert entered.status_code == 201, entered.text
    other = enrollment.token(Role.ENROLLMENT_CLERK, subject="another")
    approved = await enrollment.post(f"/merges/{entered.json()['merge_id']}/approval", other, {})
    assert approved.status_code == 200, approved.text
    counted = await outlooks.count(pool=POOL, on=DAY, groups={"heavy": [UUID(merged["person_id"])]})
    assert sum(counted.people.values()) == 1
    assert sum(counted.groups["heavy"].values()) == 1


async def test_the_first_year_is_the_simulations_own_to_the_fen(
    enrollment: Running, outlooks: Outlooks, enrol: Enrol
) -> None:
    await enrol(1, coverage={"start": "2026-03-05"})
    await enrol(2, county=OTHER, coverage={"category": "retiree", "base_fen": 321_777})
    growing = Growth(bases=Fraction("0.05"), statistics=Fraction("0.05"))
    found = await outlooks.contributions(pool=POOL, first_year=2026, years=3, growths=[STILL, growing])
    simulated = await Simulations(enrollment.database).simulate(pool=POOL, year=2026, draft=read_pack(POOL))
    assert [held[2026] for held in found.dues] == [simulated.now.due_at] * 2
    assert found.pack.version == simulated.pack.version


async def test_own_bases_grow_from_the_second_year_on(outlooks: Outlooks, enrol: Enrol) -> None:
    await enrol(1, coverage={"base_fen": 1_000_000})
    doubling = Growth(bases=Fraction(1), statistics=Fraction(0))
    (held,) = (await outlooks.contributions(pool=POOL, first_year=2026, years=3, growths=[doubling])).dues
    assert [held[year]["employee", COUNTY] for year in (2026, 2027, 2028)] == [48_000, 96_000, 192_000]


async def test_who_has_no_base_is_told(outlooks: Outlooks, enrol: Enrol) -> None:
    await enrol(1, coverage={"base_fen": None})
    found = await outlooks.contributions(pool=POOL, first_year=2026, years=1, growths=[STILL])
    assert (found.without_base, found.dues[0][2026]) == (1, {})


async def test_a_year_before_the_pack_is_refused(outlooks: Outlooks) -> None:
    with pytest.raises(PolicyNotInForce):
        await outlooks.contributions(pool=POOL, first_year=2020, years=3, growths=[STILL])


async def test_a_statistic_that_was_never_known_stops_it(
    outlooks: Outlooks, enrol: Enrol, enrollment: Running, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANGHU_DRAFT_POOLS", "all")
    clerk = enrollment.token(Role.ENROLLMENT_CLERK, region="530400")
    body = people.person(1, county="530402", coverage={"category": "flexible", "start": "2026-01-01", "base_fen": None})
    answer = await enrollment.post("/persons", clerk, body)
    assert answer.status_code == 201, answer.text
    with pytest.raises(PolicyMissing) as refusal:
        await outlooks.contributions(pool="530400", first_year=2027, years=3, growths=[STILL])
    assert refusal.value.members["parameter"] == "province_average_wage"
