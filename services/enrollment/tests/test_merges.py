"""Two records of one person become one by two people, and nothing is lost by it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from changhu_common.events.enrollment import (
    HospitalStayRecorded,
    PersonDied,
    PersonMerged,
    PersonUpdated,
)
from changhu_common.roles import Grant, Role
from enrollment.usecases import loading
from sqlalchemy import text

from services.enrollment.tests.merge_story import Two
from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]


Who = dict[str, str]


async def test_the_survivor_has_the_coverage_of_both_and_both_are_told_in_their_own_order(two: Two) -> None:
    await two.merge()
    told = await two.get(f"/persons/{two.survivor}")
    assert [each["start"] for each in told["coverage"]] == ["2026-01-01", "2026-06-01"]
    (merged,) = await two.running.told(PersonMerged)
    assert (str(merged.person_id), str(merged.survivor_id), merged.revision) == (two.merged, two.survivor, 2)
    (state,) = await two.running.told(PersonUpdated)
    assert (str(state.person_id), len(state.coverage), state.revision) == (two.survivor, 2, 2)


async def test_nothing_is_deleted_and_the_merged_record_says_whose_it_is(two: Two) -> None:
    await two.merge()
    told = await two.get(f"/persons/{two.merged}")
    assert (told["merged_into"], told["coverage"]) == (two.survivor, [])


async def test_one_enters_and_another_approves(two: Two) -> None:
    merge_id = (await two.enter()).json()["merge_id"]
    answer = await two.post(f"/merges/{merge_id}/approval", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "post.not_separated")
    assert await two.running.told(PersonMerged) == []


async def test_a_merge_sent_back_changes_nothing_and_may_be_entered_again(two: Two) -> None:
    merge_id = (await two.enter()).json()["merge_id"]
    again = await two.enter()
    assert (again.status_code, again.json()["code"]) == (409, "merge.already_entered")
    rejected = await two.made(f"/merges/{merge_id}/rejection", {"reason": "材料不全"}, two.other)
    assert (rejected["status"], rejected["decision_reason"]) == ("rejected", "材料不全")
    late = await two.post(f"/merges/{merge_id}/approval", {}, two.other)
    assert late.json()["code"] == "merge.already_decided"
    assert (await two.enter()).status_code == 201


async def test_on_a_merged_record_nothing_more_is_done(two: Two) -> None:
    await two.merge()
    answer = await two.post(f"/persons/{two.merged}/coverage", {"category": "employee", "start": "2027-01-01"})
    assert (answer.status_code, answer.json()["code"]) == (409, "person.merged")
    assert answer.json()["survivor_id"] == two.survivor


async def test_the_old_number_leads_to_the_survivor(two: Two, enrol: Enrol, people: SimpleNamespace) -> None:
    await two.merge()
    found = await two.made("/persons/search", {"resident_number": people.number(2)})
    assert [each["person_id"] for each in found["persons"]] == [two.survivor]
    answer = await two.post("/persons", people.person(2))
    assert (answer.json()["code"], answer.json()["person_id"]) == ("person.already_enrolled", two.survivor)


async def test_a_file_under_the_old_number_amends_the_survivor(two: Two, people: SimpleNamespace) -> None:
    await two.merge()
    old = people.row(2, 姓名="张三丰", 参保日期="2026-06-01", 缴费基数="9999.00")
    params = {"format": "csv", "choice": "all"}
    answer = await two.running.post("/persons/imports", two.clerk, content=people.csv(old), params=params)
    assert answer.status_code in (200, 201), answer.text
    told = await two.get(f"/persons/{two.survivor}")
    assert told["coverage"][1]["bases"][-1]["base_fen"] == 999_900


async def test_overlapping_coverage_is_told_before_and_refuses_until_a_clerk_ends_one(
    enrollment: Running, enrol: Enrol
) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    entered = (await two.enter()).json()
    (obstacle,) = entered["preview"]["obstacles"]
    assert (obstacle["code"], len(obstacle["ids"])) == ("coverage.overlaps", 2)
    approval = f"/merges/{entered['merge_id']}/approval"
    refused = await two.post(approval, {}, two.other)
    assert (refused.status_code, refused.json()["code"]) == (409, "merge.blocked")
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    await two.made(approval, {}, two.other)


async def test_records_of_a_pools_first_load_are_merged_like_any_other(
    enrollment: Running, clerk: Who, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "FIRST_LOAD_ROWS_MIN", 1)
    rows = people.row(1, 参保日期="2026-06-01"), people.row(2, 参保日期="2026-01-01", 停保日期="2026-05-31")
    params = {"format": "csv", "choice": "all"}
    loaded = await enrollment.post("/persons/imports", clerk, content=people.csv(*rows), params=params)
    assert loaded.json()["loaded"] == 2, loaded.text
    found = [
        (await enrollment.post("/persons/search", clerk, {"resident_number": people.number(n)})).json()["persons"][0]
        for n in (1, 2)
    ]
    two = Two(enrollment, *found)
    merge_id = await two.merge()
    assert [each["start"] for each in (await two.get(f"/persons/{two.survivor}"))["coverage"]] == [
        "2026-01-01",
        "2026-06-01",
    ]
    await two.take_back(merge_id)
    assert [each["start"] for each in (await two.get(f"/persons/{two.merged}"))["coverage"]] == ["2026-01-01"]


async def test_a_preview_says_what_goes_over_and_what_differs(two: Two) -> None:
    await two.made(f"/persons/{two.merged}/hospital-stays", {"start": "2026-05-01"})
    await two.made(f"/persons/{two.merged}/details", {"phone": "13800138000"})
    preview = await two.get("/merges/preview", survivor_id=two.survivor, merged_id=two.merged)
    assert preview["goes_over"] == {"coverage": 1, "hospital_stay": 1}
    assert (preview["differs"], preview["obstacles"], preview["can_be_reversed"]) == (["phone"], [], True)


async def test_stays_go_over_and_are_told_as_the_survivors(two: Two) -> None:
    stay = await two.made(f"/persons/{two.merged}/hospital-stays", {"start": "2026-05-01"})
    await two.merge()
    (found,) = (await two.get(f"/persons/{two.survivor}/hospital-stays"))["stays"]
    assert found["stay_id"] == stay["stay_id"]
    told = await two.running.told(HospitalStayRecorded)
    assert [(str(each.person_id), each.revision) for each in told] == [(two.merged, 1), (two.survivor, 2)]


async def test_a_death_known_of_one_record_is_the_persons(two: Two) -> None:
    await two.made(f"/persons/{two.merged}/death", {"died_on": "2026-06-30"})
    assert (await two.enter()).json()["preview"]["death_taken_over"] == "2026-06-30"
    (waiting,) = (await two.get("/merges", pool="211100"))["merges"]
    await two.made(f"/merges/{waiting['merge_id']}/approval", {}, two.other)
    assert (await two.get(f"/persons/{two.survivor}"))["died_on"] == "2026-06-30"
    assert str((await two.running.told(PersonDied))[-1].person_id) == two.survivor


async def test_wards_and_family_accounts_name_the_survivor(two: Two, enrol: Enrol) -> None:
    async with two.running.database.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO family_account (id, person_id, holder_id, relation, clause, consented_on, reference)"
                " VALUES (gen_random_uuid(), :child, :holder, 'child', '四(三)', '2026-01-01', '')"
            ),
            {"child": (await enrol(3))["person_id"], "holder": two.merged},
        )
    await two.merge()
    async with two.running.database.read() as connection:
        assert str(await connection.scalar(text("SELECT holder_id FROM family_account"))) == two.survivor


async def test_the_timeline_tells_a_merge_from_the_day_on_which_it_was_known(two: Two) -> None:
    two.running.advance_to(datetime(2026, 7, 10, 1, tzinfo=UTC))
    two.log_in()
    await two.merge()
    at = f"/persons/{two.survivor}/timeline"
    now = await two.get(at, on="2026-05-15", known_on="2026-07-10")
    assert (now["coverage"]["start"], now["coverage"]["base_fen"]) == ("2026-01-01", 543_210)
    assert [each["state"]["merged_id"] for each in now["entries"] if each["subject"] == "merge"] == [two.merged]
    before = await two.get(at, on="2026-05-15", known_on="2026-07-09")
    assert before["coverage"] is None
    merged = await two.get(f"/persons/{two.merged}/timeline", on="2026-05-15", known_on="2026-07-09")
    assert (merged["coverage"]["start"], merged["coverage"]["base_fen"]) == ("2026-01-01", 543_210)
    gone = await two.get(f"/persons/{two.merged}/timeline", on="2026-05-15", known_on="2026-07-10")
    assert gone["coverage"] is None


async def test_records_of_two_pools_are_not_merged(enrollment: Running, enrol: Enrol, people: SimpleNamespace) -> None:
    grants = [Grant(Role.ENROLLMENT_CLERK, each) for each in ("211100", "330300")]
    both = {"Authorization": f"Bearer {enrollment.issuer.token(subject='both', name='both', grants=grants)}"}
    body = people.person(2, county="330381", coverage={"base_fen": None})
    merged = await enrollment.post("/persons", both, body)
    assert merged.status_code == 201, merged.text
    two = Two(enrollment, await enrol(1), merged.json())
    assert (await two.enter()).status_code == 404
    two.clerk = both
    refused = await two.enter()
    assert (refused.status_code, refused.json()["code"]) == (422, "merge.unfit")


async def test_a_merge_is_seen_by_who_may_see_both_records(two: Two, enrol: Enrol) -> None:
    far = Two(two.running, await enrol(3), await enrol(4, county="211122"))
    merge_id = (await far.enter()).json()["merge_id"]
    county = two.running.token(Role.ENROLLMENT_CLERK, region="211102")
    assert (await two.running.get(f"/merges/{merge_id}", county)).status_code == 404
    page = await two.running.get("/merges", county, pool="211100")
    assert page.json()["merges"] == []


async def test_the_database_keeps_a_decided_merge_as_it_was_decided(two: Two) -> None:
    await two.merge()
    async with two.running.database.engine.connect() as connection:
        with pytest.raises(Exception, match="append-only"):
            await connection.execute(text("UPDATE merge SET reason = 'x'"))


async def test_whoever_is_known_by_the_merged_record_sees_the_survivor(two: Two) -> None:
    await two.merge()
    own = two.running.token(Role.INSURED_PERSON, subject="citizen", person=UUID(two.merged))
    for asked in (two.merged, two.survivor):
        assert (await two.running.get(f"/persons/{asked}", own)).status_code == 200


async def test_a_merged_record_is_nobodys_guardian(two: Two, enrol: Enrol) -> None:
    await two.merge()
    ward = (await enrol(3))["person_id"]
    body = {"guardian_id": two.merged, "since": "2026-07-01"}
    answer = await two.post(f"/persons/{ward}/guardians", body)
    assert (answer.json()["code"], answer.json()["survivor_id"]) == ("person.merged", two.survivor)


async def test_the_same_contradiction_waits_for_a_clerk_once(two: Two, people: SimpleNamespace) -> None:
    for record in (two.survivor, two.merged):
        await two.made(f"/persons/{record}/hospital-stays", {"start": "2026-05-01", "end": "2026-05-10"})
    title = ("公民身份号码", "起始日期", "截止日期", "凭证号")
    told = (
        {"起始日期": "2026-05-08", "截止日期": "2026-05-20", "凭证号": "A", "公民身份号码": people.number(n)}
        for n in (1, 2)
    )
    content = people.csv(*told, header=title)
    params = {"pool": "211100", "kind": "hospital_stays", "choice": "good"}
    loaded = await two.running.post("/facts/imports", two.clerk, content=content, params=params)
    assert loaded.json()["conflicts"] == 2, loaded.text
    await two.merge()
    waiting = await two.get("/conflicts", pool="211100")
    assert [each["person_id"] for each in waiting["conflicts"]] == [two.survivor]


async def test_two_who_approve_at_once_merge_once(two: Two) -> None:
    merge_id = (await two.enter()).json()["merge_id"]
    third = two.running.token(Role.ENROLLMENT_CLERK, subject="clerk-3")
    answers = await asyncio.gather(*(two.post(f"/merges/{merge_id}/approval", {}, who) for who in (two.other, third)))
    assert sorted(each.status_code for each in answers) == [200, 409]
    assert len(await two.running.told(PersonMerged)) == 1
