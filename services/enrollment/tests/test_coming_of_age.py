"""A category for the young ends on the eve of a birthday, without a clerk: in coverage, dues, events and timeline."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.events.enrollment import CoverageEnded
from changhu_common.roles import Role
from changhu_policies import load_pack
from changhu_policies.drafts import SETTING
from enrollment.domain.coming_of_age import NEVER, age_rules, of_age_on
from enrollment.domain.population import Horizon, population
from enrollment.storage import population as stored
from enrollment.storage.identities import Identities
from enrollment.usecases.coming_of_age import ComingOfAge
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.running import Running

Who = dict[str, str]
POOL, COUNTY, OTHER_COUNTY = "530400", "530402", "530423"
# Eighteen on 15 October 2027.
BORN, OF_AGE = 2009_10_15, date(2027, 10, 15)
RULES = age_rules(pack=load_pack(POOL), category="minor")


@pytest.fixture(autouse=True)
def _drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, POOL)


@pytest.fixture
def clerk(enrollment: Running) -> Who:
    """A clerk who works for years."""
    return enrollment.token(Role.ENROLLMENT_CLERK, region=POOL, lifetime=timedelta(days=2_000))


@pytest.fixture
def schedule(enrollment: Running) -> ComingOfAge:
    """What looks at the day, told when to."""
    return ComingOfAge(enrollment.database, Identities(enrollment.resources.settings))


Enter = Callable[..., Awaitable[Any]]


@pytest.fixture
def enter(enrollment: Running, clerk: Who, people: SimpleNamespace) -> Enter:
    """Register the n-th minor; orphans need no guardian."""

    async def entered(n: int = 1, *, born: int = BORN, county: str = COUNTY, **coverage: Any) -> Any:
        told = {"category": "minor", "start": "2027-01-01", "base_fen": None, **coverage}
        body = people.person(n, resident_number=people.number(n, born=born), county=county, coverage=told)
        return await enrollment.post("/persons", clerk, {**body, "marks": ["orphan"]})

    return entered


async def look(schedule: ComingOfAge) -> int:
    return await schedule.look(asyncio.Event())


def on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


async def person(enrollment: Running, clerk: Who, answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = (await enrollment.get(f"/persons/{answer.json()['person_id']}", clerk)).json()
    return told


async def too_old(enrollment: Running, clerk: Who, **asked: Any) -> list[str]:
    answer = await enrollment.get("/coverage/too-old", clerk, pool=POOL, **asked)
    assert answer.status_code == 200, answer.text
    return [each["person_id"] for each in answer.json()["coverages"]]


async def test_on_the_birthday_the_coverage_has_ended_on_its_eve_and_is_told_once(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    enrollment.advance_to(on(OF_AGE - timedelta(days=1)))
    assert await look(schedule) == 0
    assert (await person(enrollment, clerk, child))["coverage"][0]["end"] is None
    enrollment.advance_to(on(OF_AGE))
    assert (await look(schedule), await look(schedule)) == (1, 0)
    told = await person(enrollment, clerk, child)
    assert (told["coverage"][0]["end"], told["revision"]) == ("2027-10-14", 2)
    (event,) = await enrollment.told(CoverageEnded)
    assert (str(event.coverage[0].end), event.revision) == ("2027-10-14", 2)


async def test_the_day_is_known_before_and_told_to_nobody_else(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    await look(schedule)
    assert (await person(enrollment, clerk, child))["coverage"][0]["of_age_on"] == "2027-10-15"
    assert [each.coverage[0].end for each in await enrollment.told()] == [None]


async def test_a_day_that_nobody_looked_at_is_made_up_for(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    enrollment.advance_to(on(OF_AGE + timedelta(days=100)))
    assert await look(schedule) == 1
    assert (await person(enrollment, clerk, child))["coverage"][0]["end"] == "2027-10-14"


async def test_an_earlier_end_stays_and_the_dead_are_left(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    await enter(1, end="2027-06-30")
    dead = (await enter(2)).json()["person_id"]
    enrollment.advance_to(on(OF_AGE + timedelta(days=1)))
    await enrollment.post(f"/persons/{dead}/death", clerk, {"died_on": "2027-10-01"})
    assert await look(schedule) == 0


async def test_an_end_that_a_clerk_enters_meanwhile_stays(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    await look(schedule)
    enrollment.advance_to(on(OF_AGE + timedelta(days=3)))
    of_child = {"id": child.json()["person_id"]}
    async with enrollment.database.engine.begin() as clerks:
        await clerks.execute(text("SELECT FROM person WHERE id = :id FOR UPDATE"), of_child)
        looking = asyncio.create_task(look(schedule))
        while not await clerks.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            await asyncio.sleep(0.01)
        await clerks.execute(text("UPDATE coverage SET \"end\" = '2027-06-30' WHERE person_id = :id"), of_child)
    assert await looking == 0
    assert (await person(enrollment, clerk, child))["coverage"][0]["end"] == "2027-06-30"


async def test_the_timeline_tells_no_coverage_from_the_birthday_on_even_before_it(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = (await enter()).json()["person_id"]
    await look(schedule)
    at = f"/persons/{child}/timeline"
    days = {day: (await enrollment.get(at, clerk, on=day)).json()["coverage"] for day in ("2027-10-14", "2027-10-15")}
    assert (days["2027-10-14"]["category"], days["2027-10-15"]) == ("minor", None)


async def test_no_month_after_the_birthday_is_due_from_a_minor_although_nobody_ended_it(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    income = {"pool": POOL, "parameter": "province_resident_disposable_income", "value": 3_000_000, "source": "公报"}
    body = {**income, "from": "2026-01-01", "to": "2026-12-31"}
    entered = await enrollment.post("/policy-values", enrollment.token(Role.POLICY_ENTRY, region=POOL), body)
    approver = enrollment.token(Role.POLICY_APPROVAL, region=POOL)
    await enrollment.post(f"/policy-values/{entered.json()['value_id']}/approval", approver, {})
    await enter(1)
    await enter(2, born=2012_01_01)
    await look(schedule)
    enrollment.advance_to(on(date(2027, 11, 2)))
    persons = {}
    for month in ("2027-10", "2027-11"):
        answer = await enrollment.post("/contribution-runs", clerk, {"pool": POOL, "period": month})
        assert answer.status_code == 201, answer.text
        persons[month] = answer.json()["persons"]
    assert persons == {"2027-10": 2, "2027-11": 0}


async def test_months_to_come_are_counted_without_who_will_be_too_old(
    enrollment: Running, enter: Enter, schedule: ComingOfAge
) -> None:
    await enter()
    await look(schedule)
    horizon = Horizon.years(2027, 2028)
    async with enrollment.database.read() as connection:
        found = population(await stored.read(connection, POOL, horizon), horizon)
    assert (str(horizon.month(int(found.first[0]))), str(horizon.month(int(found.last[0])))) == ("2027-01", "2027-10")


async def test_who_is_to_be_registered_anew_is_listed_before_and_after_by_county_and_page_until_he_is(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    first, second = [
        (await enter(n, county=county)).json()["person_id"] for n, county in ((1, COUNTY), (2, OTHER_COUNTY))
    ]
    await look(schedule)
    assert await too_old(enrollment, clerk) == []
    assert await too_old(enrollment, clerk, until="2027-12-31") == [first, second]
    enrollment.advance_to(on(OF_AGE))
    await look(schedule)
    page = (await enrollment.get("/coverage/too-old", clerk, pool=POOL, limit=1)).json()
    assert ([each["person_id"] for each in page["coverages"]], bool(page["next"])) == ([first], True)
    assert [(each["years"], each["status"]) for each in page["rules"]] == [(18, "assumed")]
    assert await too_old(enrollment, clerk, after=page["next"]) == [second]
    county = enrollment.token(Role.ENROLLMENT_CLERK, region=COUNTY)
    assert await too_old(enrollment, county) == [first]
    anew = {"category": "resident", "start": "2027-10-15"}
    assert (await enrollment.post(f"/persons/{first}/coverage", clerk, anew)).status_code == 201
    assert await too_old(enrollment, clerk) == [second]


async def test_who_is_too_old_is_not_registered_one_by_one_nor_in_a_file(
    enrollment: Running, clerk: Who, enter: Enter, people: SimpleNamespace
) -> None:
    refused = await enter(1, start="2027-10-15")
    assert (refused.status_code, refused.json()["code"]) == (422, "coverage.too_old")
    young = (await enter(1, end="2027-06-30")).json()["person_id"]
    again = await enrollment.post(f"/persons/{young}/coverage", clerk, {"category": "minor", "start": "2027-10-15"})
    assert again.json()["code"] == "coverage.too_old"
    rows = [
        people.row(n, 县区=COUNTY, 参保类别="未成年人", 参保日期=start, 缴费基数="", 人员标识="孤儿、事实无人抚养儿童")
        | {"公民身份号码": people.number(n, born=BORN)}
        for n, start in ((2, "2027-10-14"), (3, "2027-10-15"))
    ]
    params = {"format": "csv", "choice": "good"}
    loaded = (await enrollment.post("/persons/imports", clerk, content=people.csv(*rows), params=params)).json()
    assert (loaded["loaded"], loaded["rejected"]) == (1, 1), loaded
    (error,) = loaded["errors"]
    assert (error["line"], error["field"], "年龄" in error["reason"]) == (3, "category", True)


async def test_a_pool_without_such_a_rule_ends_nobody(
    enrollment: Running, schedule: ComingOfAge, people: SimpleNamespace
) -> None:
    assert await look(schedule) == 0
    who = enrollment.token(Role.ENROLLMENT_CLERK)
    assert (await enrollment.get("/coverage/too-old", who, pool="211100")).json() == {
        "coverages": [],
        "rules": [],
        "next": None,
    }


async def test_a_pool_that_cannot_be_looked_at_keeps_nobody_insured_in_the_others(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    enrollment.advance_to(on(OF_AGE))
    nonsense = text(
        "INSERT INTO supplied_value VALUES (gen_random_uuid(), '211100', 'transfer.money', '{}', '\"nonsense\"',"
        " '2026-01-01', NULL, '-', 'a', 'b', now())"
    )
    async with enrollment.database.engine.begin() as connection:
        await connection.execute(nonsense)
    with pytest.raises(ExceptionGroup):
        await look(schedule)
    assert (await person(enrollment, clerk, child))["coverage"][0]["end"] == "2027-10-14"


@pytest.mark.parametrize("slip", [0, 8000])
async def test_an_age_that_nobody_reaches_is_refused(enrollment: Running, slip: int) -> None:
    body = {"pool": POOL, "parameter": "coverage.until_age", "qualifiers": {"category": "minor"}, "value": slip}
    entry = enrollment.token(Role.POLICY_ENTRY, region=POOL)
    answer = await enrollment.post("/policy-values", entry, {**body, "from": "2026-09-01", "source": "函"})
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")


async def test_another_reading_counts_from_its_approval_on_for_all_who_were_not_ended(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    child = await enter()
    await look(schedule)
    body = {"pool": POOL, "parameter": "coverage.until_age", "qualifiers": {"category": "minor"}, "value": 16}
    entry = {**body, "from": "2026-09-01", "source": "省级解释"}
    entered = await enrollment.post("/policy-values", enrollment.token(Role.POLICY_ENTRY, region=POOL), entry)
    approver = enrollment.token(Role.POLICY_APPROVAL, region=POOL)
    approved = await enrollment.post(f"/policy-values/{entered.json()['value_id']}/approval", approver, {})
    assert approved.status_code == 200, approved.text
    await look(schedule)
    # Sixteen before the rules began: too old from their first day on.
    told = (await person(enrollment, clerk, child))["coverage"][0]
    assert told["of_age_on"] == "2026-09-01"
    assert await too_old(enrollment, clerk, until="2026-09-01") == [child.json()["person_id"]]


async def test_a_coverage_that_goes_over_to_another_record_counts_by_the_number_of_that_one(
    enrollment: Running, clerk: Who, enter: Enter, schedule: ComingOfAge
) -> None:
    merged = (await enter(1, end="2027-06-30")).json()["person_id"]
    survivor = (await enter(2, born=2010_03_01, start="2027-07-01")).json()["person_id"]
    await look(schedule)
    body = {"survivor_id": survivor, "merged_id": merged, "reason": "号码录入有误"}
    entered = (await enrollment.post("/merges", clerk, body)).json()
    other = enrollment.token(Role.ENROLLMENT_CLERK, region=POOL, subject="other")
    assert (await enrollment.post(f"/merges/{entered['merge_id']}/approval", other, {})).status_code == 200
    await look(schedule)
    told = (await enrollment.get(f"/persons/{survivor}", clerk)).json()
    assert [each["of_age_on"] for each in told["coverage"]] == ["2028-03-01", "2028-03-01"]


def age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@given(born=st.dates(date(1990, 1, 1), date(2026, 8, 31)))
def test_the_first_day_of_being_too_old_is_the_birthday_or_the_first_of_the_rules(born: date) -> None:
    (rule,) = RULES
    day = of_age_on(born=born, rules=RULES)
    assert age(born, day) >= rule.value
    assert day == rule.start or age(born, day - timedelta(days=1)) < rule.value
    assert of_age_on(born=born, rules=()) == NEVER
