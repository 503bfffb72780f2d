"""Whoever moves is charged for each month in the county of that month, whenever the move is learned."""

import itertools
import runpy
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from changhu_common.roles import Role
from enrollment.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
HOME, AWAY, THIRD = "211102", "211122", "211103"


@pytest.fixture
def clerk(enrollment: Running) -> Who:
    """A clerk who works all year."""
    return enrollment.token(Role.ENROLLMENT_CLERK, lifetime=timedelta(days=365))


async def move(enrollment: Running, who: Who, person: str, county: str, since: str | None = None) -> Any:
    body = {"county": county} | ({"county_since": since} if since else {})
    return await enrollment.post(f"/persons/{person}/details", who, body)


async def charged_in(enrollment: Running, who: Who, person: str, *months: str) -> list[str]:
    """The counties in whose books a person's months are due."""
    for month in months:
        answer = await enrollment.post("/contribution-runs", who, {"pool": "211100", "period": month})
        assert answer.status_code == 201, answer.text
    dues = (await enrollment.get(f"/persons/{person}/dues", who)).json()
    return [each["county"] for each in sorted(dues, key=lambda each: each["period"])]


async def county_on(enrollment: Running, who: Who, person: str, day: str, **known: str) -> str:
    told = (await enrollment.get(f"/persons/{person}/timeline", who, on=day, **known)).json()
    return str(told["county"])


async def test_a_past_month_is_charged_in_the_county_of_that_month(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    enrollment.advance_to(datetime(2026, 7, 20, 1, tzinfo=UTC))
    await move(enrollment, clerk, person, AWAY)
    enrollment.advance_to(datetime(2026, 8, 3, 1, tzinfo=UTC))
    assert await charged_in(enrollment, clerk, person, "2026-06", "2026-07", "2026-08") == [HOME, HOME, AWAY]


async def test_a_move_that_is_learned_late_counts_from_its_day_on(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    moved = (await move(enrollment, clerk, person, AWAY, "2026-05-20")).json()
    assert moved["county"] == AWAY
    assert await charged_in(enrollment, clerk, person, "2026-05", "2026-06") == [HOME, AWAY]


async def test_a_county_entered_wrongly_never_was_once_it_is_corrected(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    await move(enrollment, clerk, person, AWAY, "2026-05-20")
    await move(enrollment, clerk, person, HOME, "2026-05-20")
    assert await charged_in(enrollment, clerk, person, "2026-06") == [HOME]


async def test_the_day_of_a_move_may_be_corrected(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1))["person_id"]
    await move(enrollment, clerk, person, AWAY)
    await move(enrollment, clerk, person, AWAY, "2026-06-01")
    assert await charged_in(enrollment, clerk, person, "2026-05", "2026-06") == [HOME, AWAY]


async def test_a_move_in_the_future_and_a_day_without_a_county_are_refused(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    early = await move(enrollment, clerk, person, AWAY, "2026-07-02")
    assert (early.status_code, early.json()["errors"][0]["field"]) == (422, "county_since")
    lone = await enrollment.post(f"/persons/{person}/details", clerk, {"county_since": "2026-06-01"})
    assert (lone.status_code, lone.json()["errors"][0]["field"]) == (422, "county")


@pytest.mark.parametrize("slip", ["0001-01-01", "1826-05-20", "1999-12-31"])
async def test_a_move_before_any_money_moved_is_refused_as_a_slip_in_the_year(
    enrollment: Running, enrol: Enrol, clerk: Who, slip: str
) -> None:
    refused = await move(enrollment, clerk, (await enrol(1))["person_id"], AWAY, slip)
    assert (refused.status_code, refused.json()["code"]) == (422, "period.invalid")
    assert refused.json()["errors"][0]["field"] == "county_since"


async def test_the_timeline_tells_the_county_of_a_day_as_it_was_known(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    enrollment.advance_to(datetime(2026, 7, 20, 1, tzinfo=UTC))
    await move(enrollment, clerk, person, AWAY, "2026-07-10")
    assert await county_on(enrollment, clerk, person, "2026-07-09") == HOME
    assert await county_on(enrollment, clerk, person, "2026-07-10") == AWAY
    assert await county_on(enrollment, clerk, person, "2026-07-10", known_on="2026-07-19") == HOME


async def test_moves_from_before_they_were_kept_are_those_that_the_earlier_versions_tell(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    for day, county in ((10, AWAY), (15, THIRD), (15, HOME)):
        enrollment.advance_to(datetime(2026, 7, day, 1, tzinfo=UTC))
        await move(enrollment, clerk, person, county)
    path = SERVICE.migrations / "0013_moves_within_a_pool.py"
    told = text(runpy.run_path(str(path))["KNOWN_BEFORE"])
    kept = text("SELECT since, from_county FROM county_move ORDER BY since")
    async with enrollment.database.engine.begin() as connection:
        before = (await connection.execute(kept)).all()
        await connection.execute(text("DELETE FROM county_move"))
        await connection.execute(told)
        assert (await connection.execute(kept)).all() == before


NUMBERS = itertools.count(10)
MOVES = st.lists(st.tuples(st.sampled_from([HOME, AWAY, THIRD]), st.integers(min_value=2, max_value=180)), max_size=5)


@given(moves=MOVES)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_whatever_order_moves_are_learned_each_holds_from_its_day_on_until_a_later_entry(
    enrollment: Running, enrol: Enrol, moves: list[tuple[str, int]]
) -> None:
    clerk = enrollment.token(Role.ENROLLMENT_CLERK, lifetime=timedelta(days=365))
    person = (await enrol(next(NUMBERS)))["person_id"]
    held = dict.fromkeys(range(1, 182), HOME)
    for county, since in moves:
        await move(enrollment, clerk, person, county, str(date(2026, 1, 1) + timedelta(days=since - 1)))
        held |= dict.fromkeys(range(since, 182), county)
    for day in {1, 60, 181, *(since for _, since in moves), *(since - 1 for _, since in moves)}:
        told = await county_on(enrollment, clerk, person, str(date(2026, 1, 1) + timedelta(days=day - 1)))
        assert told == held[day]
