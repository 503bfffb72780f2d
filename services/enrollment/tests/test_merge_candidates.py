"""Records that may be one person's are found by keyed digests, shown masked with the reason, and dismissed for good."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.roles import Grant, Role
from enrollment.domain.likeness import alike
from enrollment.storage.identities import Identities
from enrollment.usecases import likenesses
from enrollment.usecases.likenesses import Likenesses
from sqlalchemy import text
from stdnum.cn import ric

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]


def numbered(body: str) -> str:
    return body + str(ric.calc_check_digit(body + "0"))


async def looked(enrollment: Running) -> None:
    looking = Likenesses(enrollment.database, Identities(enrollment.resources.settings))
    while await looking.look():
        pass


async def listed(enrollment: Running, who: Who, **asked: Any) -> list[dict[str, Any]]:
    answer = await enrollment.get("/merge-candidates", who, pool="211100", **asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["candidates"]
    return found


def of(*told: dict[str, Any]) -> list[str]:
    return sorted(each["person_id"] for each in told)


def ids(candidate: dict[str, Any]) -> list[str]:
    return [each["person_id"] for each in candidate["records"]]


@pytest.mark.parametrize(
    ("other", "sign"),
    [
        # The number was given anew: area and sequence are others.
        ({"resident_number": numbered("21010519500101557")}, "born"),
        # The police corrected the day of birth.
        ({"resident_number": numbered("21110219510203001")}, "number"),
        # The permit that a compatriot from Hong Kong had before.
        ({"resident_number": numbered("81000019500101017")}, "born"),
        # Two parts of a name with another point between.
        ({"resident_number": numbered("21010519500101557"), "name": "张三·丰"}, "born"),
        # Nothing but the phone is as it was.
        ({"resident_number": numbered("21010519610909128"), "phone": "138 0013-8000"}, "phone"),
    ],
)
async def test_a_pair_is_found_by_what_its_numbers_leave_as_it_was(
    enrollment: Running, enrol: Enrol, clerk: Who, other: dict[str, Any], sign: str
) -> None:
    first = await enrol(1, phone="13800138000")
    second = await enrol(2, **other)
    await looked(enrollment)
    (found,) = await listed(enrollment, clerk)
    assert ids(found) == of(first, second)
    assert [(each["code"], bool(each["text"])) for each in found["signs"]] == [(sign, True)]


async def test_namesakes_and_twins_are_no_pair(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    await enrol(2, resident_number=numbered("21010519610909128"))
    await enrol(3, name="张四丰")
    await looked(enrollment)
    assert await listed(enrollment, clerk) == []


async def test_a_pair_is_shown_masked(enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace) -> None:
    await enrol(1)
    await enrol(3)
    await looked(enrollment)
    (found,) = await listed(enrollment, clerk)
    assert {each["name"] for each in found["records"]} == {"张**"}
    assert people.number(1) not in str(found)


async def test_a_corrected_name_is_looked_at_again(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    mistyped = await enrol(3, name="张山丰")
    await looked(enrollment)
    assert await listed(enrollment, clerk) == []
    await enrollment.post(f"/persons/{mistyped['person_id']}/details", clerk, {"name": "张三丰"})
    await looked(enrollment)
    assert len(await listed(enrollment, clerk)) == 1


async def test_whoever_comes_with_a_file_is_looked_at(
    enrollment: Running, clerk: Who, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likenesses, "PERSONS_PER_STEP", 2)
    content = people.csv(*(people.row(n) for n in (1, 3, 5, 2)))
    params = {"format": "csv", "choice": "all"}
    answer = await enrollment.post("/persons/imports", clerk, content=content, params=params)
    assert answer.status_code == 201, answer.text
    await looked(enrollment)
    assert len(await listed(enrollment, clerk)) == 3
    first = (await enrollment.get("/merge-candidates", clerk, pool="211100", limit=2)).json()
    rest = (await enrollment.get("/merge-candidates", clerk, pool="211100", after=first["next"])).json()
    assert (len(first["candidates"]), len(rest["candidates"]), rest["next"]) == (2, 1, None)


async def test_a_dismissed_pair_stays_away(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    first = await enrol(1)
    await enrol(3)
    await looked(enrollment)
    (found,) = await listed(enrollment, clerk)
    path = f"/merge-candidates/{found['candidate_id']}/dismissal"
    answer = await enrollment.post(path, clerk, {"reason": "同名同日出生的两个人，已核对档案"})
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    await enrollment.post(f"/persons/{first['person_id']}/details", clerk, {"phone": "13800138000"})
    await looked(enrollment)
    assert await listed(enrollment, clerk) == []
    (kept,) = await listed(enrollment, clerk, status="dismissed")
    assert kept["reason"] == "同名同日出生的两个人，已核对档案"
    again = await enrollment.post(path, clerk, {"reason": "再次"})
    assert (again.status_code, again.json()["code"]) == (409, "merge_candidate.dismissed")


async def test_a_merged_pair_leaves_the_list(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    first = await enrol(1)
    second = await enrol(3, coverage={"start": "2020-01-01", "end": "2020-12-31"})
    await looked(enrollment)
    body = {"survivor_id": first["person_id"], "merged_id": second["person_id"], "reason": "重复登记"}
    merge_id = (await enrollment.post("/merges", clerk, body)).json()["merge_id"]
    other = enrollment.token(Role.ENROLLMENT_CLERK, subject="other")
    assert (await enrollment.post(f"/merges/{merge_id}/approval", other, {})).status_code == 200
    assert await listed(enrollment, clerk) == []


async def test_a_pair_is_seen_by_who_may_see_both(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    await enrol(3, county="211122")
    await looked(enrollment)
    assert len(await listed(enrollment, clerk)) == 1
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211102")
    assert await listed(enrollment, county) == []


async def test_a_number_in_two_pools_is_no_pair_but_a_person_under_two_numbers_is(
    enrollment: Running, enrol: Enrol, people: SimpleNamespace
) -> None:
    grants = [Grant(Role.ENROLLMENT_CLERK, each) for each in ("211100", "330300")]
    both = {"Authorization": f"Bearer {enrollment.issuer.token(subject='both', name='both', grants=grants)}"}
    await enrol(1)
    for n in (1, 2):
        body = people.person(n, county="330381", coverage={"base_fen": None})
        assert (await enrollment.post("/persons", both, body)).status_code == 201
    await looked(enrollment)
    assert await listed(enrollment, both) == []
    await enrol(3)
    await looked(enrollment)
    found = await listed(enrollment, both)
    assert sorted(each["one_pool"] for each in found) == [False, True]


async def test_nothing_readable_is_kept_of_what_is_alike(enrollment: Running, enrol: Enrol) -> None:
    await enrol(1)
    await looked(enrollment)
    async with enrollment.database.read() as connection:
        (row,) = await connection.execute(text("SELECT born, number, phone FROM likeness"))
    assert isinstance(row.born, int)
    assert row.phone is None


def test_a_name_is_alike_however_its_parts_are_put_together() -> None:
    number = numbered("21010519500101557")
    written = ("买买提·艾力", "买买提•艾力", "买买提 艾力", "买买提．艾力")
    assert len({alike(name=each, number=number, phone=None)["born"] for each in written}) == 1
