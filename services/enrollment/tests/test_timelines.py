"""What held on a day is told as it was known on any other day, and what was voided stays with its reason."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from changhu_common.events.enrollment import PersonUpdated
from changhu_common.roles import Role
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]


@pytest.fixture
def clerk(enrollment: Running) -> Who:
    """A clerk who works all month."""
    return enrollment.token(Role.ENROLLMENT_CLERK, lifetime=timedelta(days=31))


def day(n: int) -> datetime:
    return datetime(2026, 7, n, 1, tzinfo=UTC)


async def timeline(enrollment: Running, who: Who, person: str, **asked: str) -> dict[str, Any]:
    answer = await enrollment.get(f"/persons/{person}/timeline", who, **asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_corrected_end_is_told_as_it_was_known_on_each_day(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    person, coverage = told["person_id"], told["coverage"][0]["coverage_id"]
    at = f"/persons/{person}/coverage/{coverage}/end"
    enrollment.advance_to(day(3))
    await enrollment.post(at, clerk, {"end": "2026-05-31"})
    enrollment.advance_to(day(5))
    await enrollment.post(at, clerk, {"end": "2026-06-30"})
    ends = {
        known: (await timeline(enrollment, clerk, person, on="2026-06-15", known_on=known))["coverage"]
        for known in ("2026-07-02", "2026-07-03", "2026-07-05")
    }
    assert ends["2026-07-02"]["end"] is None
    assert ends["2026-07-03"] is None
    assert ends["2026-07-05"]["end"] == "2026-06-30"


async def test_a_base_set_again_is_told_as_it_was_known(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    person, coverage = told["person_id"], told["coverage"][0]["coverage_id"]
    enrollment.advance_to(day(4))
    await enrollment.post(
        f"/persons/{person}/coverage/{coverage}/base", clerk, {"since": "2026-01", "base_fen": 600_000}
    )
    before = await timeline(enrollment, clerk, person, on="2026-03-01", known_on="2026-07-03")
    after = await timeline(enrollment, clerk, person, on="2026-03-01", known_on="2026-07-04")
    assert (before["coverage"]["base_fen"], after["coverage"]["base_fen"]) == (543_210, 600_000)


async def test_who_was_not_registered_yet_was_not_known(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1))["person_id"]
    answer = await enrollment.get(f"/persons/{person}/timeline", clerk, known_on="2026-06-30")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    stranger = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    assert (await enrollment.get(f"/persons/{person}/timeline", stranger)).status_code == 404


async def test_a_voided_coverage_is_gone_and_stays_in_the_history_with_its_reason(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    person, coverage = told["person_id"], told["coverage"][0]["coverage_id"]
    enrollment.advance_to(day(2))
    answer = await enrollment.post(f"/persons/{person}/coverage/{coverage}/void", clerk, {"reason": "登记错人"})
    assert (answer.status_code, answer.json()["coverage"]) == (200, [])
    (event,) = await enrollment.told(PersonUpdated)
    assert (event.revision, event.coverage) == (2, ())
    now = await timeline(enrollment, clerk, person, on="2026-03-01")
    assert now["coverage"] is None
    voided = [each for each in now["history"] if each["subject"] == "coverage"]
    assert [(each["state"]["id"], each["reason"]) for each in voided] == [(coverage, "登记错人")]
    then = await timeline(enrollment, clerk, person, on="2026-03-01", known_on="2026-07-01")
    assert (then["coverage"]["coverage_id"], then["coverage"]["base_fen"]) == (coverage, 543_210)
    again = await enrollment.post(f"/persons/{person}/coverage/{coverage}/void", clerk, {"reason": "登记错人"})
    assert again.status_code == 404


async def test_days_of_a_voided_coverage_are_free_again(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = f"/persons/{told['person_id']}/coverage"
    other = {"category": "retiree", "start": "2026-01-01", "base_fen": 321_777}
    assert (await enrollment.post(at, clerk, other)).json()["code"] == "coverage.overlaps"
    await enrollment.post(f"{at}/{told['coverage'][0]['coverage_id']}/void", clerk, {"reason": "类别有误"})
    assert (await enrollment.post(at, clerk, other)).status_code == 201


async def test_a_death_is_undone_and_both_are_known_on_their_days(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    await enrollment.post(f"/persons/{person}/death", clerk, {"died_on": "2026-06-30"})
    enrollment.advance_to(day(2))
    answer = await enrollment.post(f"/persons/{person}/death/void", clerk, {"reason": "同名误登"})
    assert (answer.status_code, answer.json()["died_on"]) == (200, None)
    (event,) = await enrollment.told(PersonUpdated)
    assert (event.died_on, event.revision) == (None, 3)
    assert (await timeline(enrollment, clerk, person, known_on="2026-07-01"))["died_on"] == "2026-06-30"
    assert (await timeline(enrollment, clerk, person))["died_on"] is None
    assert (await enrollment.post(f"/persons/{person}/death/void", clerk, {"reason": "无"})).status_code == 404


async def test_a_suspension_and_a_stay_are_told_for_their_days(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1))["person_id"]
    body = {"start": "2026-05-01", "end": "2026-05-31"}
    told = await enrollment.post(f"/persons/{person}/suspensions", clerk, {**body, "reason": "欠费"})
    stay = await enrollment.post(f"/persons/{person}/hospital-stays", clerk, body)
    may = await timeline(enrollment, clerk, person, on="2026-05-31")
    june = await timeline(enrollment, clerk, person, on="2026-06-01")
    assert [(each["suspended"], each["in_hospital"]) for each in (may, june)] == [(True, True), (False, False)]
    enrollment.advance_to(day(2))
    suspension = told.json()["suspensions"][0]["suspension_id"]
    await enrollment.post(f"/persons/{person}/suspensions/{suspension}/void", clerk, {"reason": "已缴清"})
    await enrollment.post(f"/hospital-stays/{stay.json()['stay_id']}/void", clerk, {"reason": "同名"})
    for known, expected in (("2026-07-01", True), ("2026-07-02", False)):
        found = await timeline(enrollment, clerk, person, on="2026-05-31", known_on=known)
        assert (found["suspended"], found["in_hospital"]) == (expected, expected)


async def test_what_was_known_holds_no_name_and_no_number(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1))["person_id"]
    await enrollment.post(f"/persons/{person}/details", clerk, {"county": "211122", "name": "张四丰"})
    async with enrollment.database.read() as connection:
        (state,) = (await connection.execute(text("SELECT state FROM version"))).scalars().all()
    assert set(state) == {"id", "pool", "county", "marks", "family_account", "died_on", "revision"}
