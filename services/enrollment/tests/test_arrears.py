"""Who has not paid a run is suspended in one step, and goes on in one step once it is paid."""

from typing import Any

from changhu_common.events.enrollment import CoverageResumed, CoverageSuspended
from changhu_common.roles import Role

from services.enrollment.tests.test_accounts import BANK, Enrol, Who, run
from tests.support.running import Running


async def suspend(enrollment: Running, clerk: Who, at: str, start: str = "2026-07-01") -> dict[str, Any]:
    answer = await enrollment.post(f"{at}/arrears/suspension", clerk, {"start": start})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def resume(enrollment: Running, clerk: Who, at: str, end: str = "2026-07-01") -> dict[str, Any]:
    answer = await enrollment.post(f"{at}/arrears/resumption", clerk, {"end": end})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def pay_whole(enrollment: Running, clerk: Who, at: str, person: str) -> None:
    lines = [
        {"person_id": person, "payer": payer, "amount_fen": 1086}
        for payer in ("personal_account", "employer_medical_contribution")
    ]
    answer = await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": lines})
    assert answer.status_code == 201, answer.text


async def test_whoever_has_not_paid_is_suspended_and_whoever_has_is_not(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    first, second, third = [(await enrol(n))["person_id"] for n in (1, 2, 3)]
    at = await run(enrollment, clerk)
    await pay_whole(enrollment, clerk, at, first)
    assert (await suspend(enrollment, clerk, at))["persons"] == 2
    told = await enrollment.told(CoverageSuspended)
    assert {str(each.person_id) for each in told} == {second, third}
    assert [str(each.suspensions[0].start) for each in told] == ["2026-07-01"] * 2


async def test_whoever_pays_what_he_owed_goes_on_and_the_others_stay_suspended(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    first, second = [(await enrol(n))["person_id"] for n in (1, 2)]
    at = await run(enrollment, clerk)
    await suspend(enrollment, clerk, at)
    await pay_whole(enrollment, clerk, at, second)
    changed = await resume(enrollment, clerk, at)
    assert (changed["persons"], changed["left"]) == (1, 1)
    (told,) = await enrollment.told(CoverageResumed)
    assert (str(told.person_id), str(told.suspensions[0].end)) == (second, "2026-07-01")
    assert (await enrollment.get(f"/persons/{first}", clerk)).json()["suspensions"][0]["end"] is None


async def test_asked_again_nobody_is_suspended_twice(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    at = await run(enrollment, clerk)
    await suspend(enrollment, clerk, at)
    again = await suspend(enrollment, clerk, at, start="2026-07-05")
    assert (again["persons"], again["left"]) == (0, 1)


async def test_who_died_is_not_suspended(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    await enrollment.post(f"/persons/{told['person_id']}/death", clerk, {"died_on": "2026-06-30"})
    assert (await suspend(enrollment, clerk, at))["persons"] == 0


async def test_a_county_suspends_its_own_people_alone(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    other = await enrol(2, county="211122")
    at = await run(enrollment, clerk)
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    assert (await suspend(enrollment, county, at))["persons"] == 1
    (told,) = await enrollment.told(CoverageSuspended)
    assert str(told.person_id) == other["person_id"]
    elsewhere = enrollment.token(Role.ENROLLMENT_CLERK, region="330302")
    assert (await enrollment.post(f"{at}/arrears/suspension", elsewhere, {"start": "2026-07-01"})).status_code == 404


async def test_whoever_moved_is_the_new_countys_and_owes_the_old_one_still(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    moved, stayed = [(await enrol(n, county="211122"))["person_id"] for n in (1, 2)]
    at = await run(enrollment, clerk)
    assert (await enrollment.post(f"/persons/{moved}/details", clerk, {"county": "211102"})).status_code == 200
    old, new = (enrollment.token(Role.ENROLLMENT_CLERK, region=county) for county in ("211122", "211102"))
    suspended = await suspend(enrollment, old, at)
    assert (suspended["persons"], suspended["left"]) == (1, 1)
    assert [str(each.person_id) for each in await enrollment.told(CoverageSuspended)] == [stayed]
    await suspend(enrollment, clerk, at)
    assert (await enrollment.post(f"{at}/arrears/resumption", new, {"end": "2026-07-01"})).status_code == 404
    assert (await resume(enrollment, clerk, at))["persons"] == 0


async def test_a_suspension_ends_today_or_before(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    at = await run(enrollment, clerk)
    answer = await enrollment.post(f"{at}/arrears/resumption", clerk, {"end": "2026-08-01"})
    assert (answer.status_code, answer.json()["code"]) == (422, "period.invalid")
