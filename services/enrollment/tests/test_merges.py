"""Two records of one person become one by two people, nothing is lost by it, and it can be taken back."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from changhu_common.events.enrollment import (
    HospitalStayRecorded,
    PersonDied,
    PersonMerged,
    PersonUnmerged,
    PersonUpdated,
)
from changhu_common.roles import Grant, Role
from enrollment.storage import recounts
from enrollment.usecases import loading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
JULY = {"pool": "211100", "period": "2026-07"}
BANK = {"received_on": "2026-06-30", "reference": "回单1"}
# Of each example's own two people.
NUMBERS = itertools.count(10, 2)
EARLIER = {"start": "2026-01-01", "end": "2026-05-31"}


class Two:
    """A person under two records, and the two clerks who merge them."""

    def __init__(self, running: Running, survivor: dict[str, Any], merged: dict[str, Any]) -> None:
        self.running = running
        self.told = survivor
        self.survivor: str = survivor["person_id"]
        self.merged: str = merged["person_id"]
        self.log_in()

    def log_in(self) -> None:
        self.clerk, self.other = (
            self.running.token(Role.ENROLLMENT_CLERK, subject=each) for each in ("clerk-1", "clerk-2")
        )

    async def post(self, path: str, body: Any = None, who: Who | None = None) -> httpx.Response:
        return await self.running.post(path, who or self.clerk, body)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.running.get(path, self.clerk, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def made(self, path: str, body: Any = None, who: Who | None = None) -> Any:
        answer = await self.post(path, body, who)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def enter(self) -> httpx.Response:
        body = {"survivor_id": self.survivor, "merged_id": self.merged, "reason": "号码录入有误，重复登记"}
        return await self.post("/merges", body)

    async def merge(self) -> str:
        """Enter and approve; the merge's id."""
        entered = await self.enter()
        assert entered.status_code == 201, entered.text
        merge_id = str(entered.json()["merge_id"])
        await self.made(f"/merges/{merge_id}/approval", {}, self.other)
        return merge_id

    async def owed(self, person_id: str) -> int:
        """What is still to come from a person's payers over all periods, in fen; below zero a surplus."""
        return sum(each["outstanding_fen"] for each in await self.get(f"/persons/{person_id}/account"))

    async def take_back(self, merge_id: str) -> None:
        entered = await self.made(f"/merges/{merge_id}/reversal", {"reason": "同名不同人"})
        await self.made(f"/merges/{entered['merge_id']}/approval", {}, self.other)


@pytest.fixture
async def two(enrollment: Running, enrol: Enrol) -> Two:
    """Insured to May under one record, from June under the other."""
    survivor = await enrol(1, coverage={"start": "2026-06-01"})
    return Two(enrollment, survivor, await enrol(2, coverage=EARLIER))


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


async def twice_due(two: Two) -> tuple[str, dict[str, Any]]:
    """July due and paid by name under both records, then the second coverage taken out."""
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    payments = [
        {"person_id": each, "payer": "personal_account", "amount_fen": 1086} for each in (two.survivor, two.merged)
    ]
    await two.made(f"/contribution-runs/{run}/payments", {**BANK, "payments": payments})
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    return run, (await two.enter()).json()


async def test_a_month_paid_twice_is_told_before_and_becomes_a_surplus_to_refund(
    enrollment: Running, enrol: Enrol
) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run, entered = await twice_due(two)
    preview = entered["preview"]
    assert (preview["credited_fen"], preview["surplus_fen"]) == (2172, 1086)
    await two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    (account,) = await two.get(f"/persons/{two.survivor}/account")
    outstanding = {cell["payer"]: cell["outstanding_fen"] for cell in account["cells"]}
    assert outstanding == {"employer_medical_contribution": 1086, "personal_account": -1086}
    refund = {
        "person_id": two.survivor,
        "category": "employee",
        "payer": "personal_account",
        "amount_fen": 1086,
        "reason": "重复缴费",
    }
    made = await two.made(f"/contribution-runs/{run}/refunds", refund)
    await two.made(f"/refunds/{made['refund_id']}/approval", {}, two.running.token(Role.ACCOUNTANT))
    again = await two.post(f"/contribution-runs/{run}/refunds", {**refund, "amount_fen": 1})
    assert again.json()["code"] == "refund.exceeds_credit"


async def test_counted_again_after_a_merge_nothing_is_new(enrollment: Running, enrol: Enrol) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run, entered = await twice_due(two)
    await two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    found = await two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"})
    assert (found["persons"], found["differences"]) == (0, [])
    rerun = await two.made("/contribution-runs", JULY)
    assert (rerun["due_fen"], rerun["outstanding_fen"]) == (2 * 2172, 0)


async def test_a_merge_and_a_correction_at_once_credit_a_due_once(
    enrollment: Running, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    entered = (await two.enter()).json()
    counting, on = asyncio.Event(), asyncio.Event()
    page = recounts.page

    async def slow(*asked: Any, **more: Any) -> Any:
        counting.set()
        await on.wait()
        return await page(*asked, **more)

    monkeypatch.setattr(recounts, "page", slow)
    correcting = asyncio.create_task(two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"}))
    await counting.wait()
    merging = asyncio.create_task(two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other))
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not merging.done():
        async with enrollment.database.read() as connection:
            if await connection.scalar(waits):
                break
    on.set()
    await asyncio.gather(correcting, merging)
    assert await two.owed(two.survivor) == 2172


async def test_a_due_of_the_merged_record_stands_for_the_survivor(two: Two) -> None:
    """Nothing is due twice for a month that only the merged record was charged for."""
    may = {"pool": "211100", "period": "2026-05"}
    run = (await two.made("/contribution-runs", may))["run_id"]
    await two.merge()
    rerun = await two.made("/contribution-runs", may)
    assert (rerun["run_id"], rerun["due_fen"]) == (run, 2172)
    found = await two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"})
    assert found["differences"] == []
    (account,) = await two.get(f"/persons/{two.survivor}/account")
    assert (account["person_id"], account["outstanding_fen"]) == (two.survivor, 2172)
    (owing,) = (await two.get(f"/contribution-runs/{run}/arrears"))["accounts"]
    assert owing["person_id"] == two.survivor
    assert [each["period"] for each in await two.get(f"/persons/{two.survivor}/dues")] == ["2026-05"]


async def test_a_merge_is_taken_back_with_everything_that_went_over(enrollment: Running, enrol: Enrol) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    stay = await two.made(f"/persons/{two.merged}/hospital-stays", {"start": "2026-05-01"})
    _, entered = await twice_due(two)
    await two.made(
        f"/persons/{two.merged}/coverage",
        {"category": "employee", **EARLIER, "start": "2025-01-01", "end": "2025-12-31"},
    )
    before = await two.get(f"/persons/{two.merged}/account")
    await two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    await two.take_back(entered["merge_id"])
    assert await two.get(f"/persons/{two.merged}/account") != []
    assert [each["outstanding_fen"] for each in await two.get(f"/persons/{two.merged}/account")] == [
        each["outstanding_fen"] for each in before
    ]
    told = await two.get(f"/persons/{two.merged}")
    assert (told["merged_into"], [each["start"] for each in told["coverage"]]) == (None, ["2025-01-01"])
    (found,) = (await two.get(f"/persons/{two.merged}/hospital-stays"))["stays"]
    assert found["stay_id"] == stay["stay_id"]
    (event,) = await two.running.told(PersonUnmerged)
    assert str(event.person_id) == two.merged
    again = await two.post(f"/merges/{entered['merge_id']}/reversal", {"reason": "再次"})
    assert again.json()["code"] == "merge.already_decided"


async def marks_of(two: Two, *records: str) -> list[list[str]]:
    return [(await two.get(f"/persons/{each}"))["marks"] for each in records]


async def test_a_mark_that_went_over_with_its_days_leaves_with_them(two: Two) -> None:
    await two.made(f"/persons/{two.merged}/hardships", {"kind": "destitute", "start": "2026-06-01"})
    merge_id = await two.merge()
    assert await marks_of(two, two.survivor) == [["destitute"]]
    await two.made(f"/persons/{two.survivor}/details", {"marks": ["destitute", "low_income"]})
    await two.take_back(merge_id)
    assert await marks_of(two, two.survivor, two.merged) == [["low_income"], ["destitute"]]


async def test_a_mark_without_days_is_the_survivors_again_once_a_merge_is_taken_back(
    enrollment: Running, enrol: Enrol
) -> None:
    survivor = await enrol(1, coverage={"start": "2026-06-01"}, marks=["destitute"])
    two = Two(enrollment, survivor, await enrol(2, coverage=EARLIER))
    days = {"kind": "destitute", "start": "2026-01-01", "end": "2026-02-28"}
    await two.made(f"/persons/{two.merged}/hardships", days)
    await two.take_back(await two.merge())
    assert await marks_of(two, two.survivor, two.merged) == [["destitute"], []]


async def test_whoever_is_named_after_a_merge_stays_the_survivors_guardian(two: Two, enrol: Enrol) -> None:
    since = "2026-06-15"
    first, second = (await enrol(3))["person_id"], (await enrol(4))["person_id"]
    await two.made(f"/persons/{two.merged}/guardians", {"guardian_id": first, "since": since})
    merge_id = await two.merge()
    await two.made(f"/persons/{two.survivor}/guardians", {"guardian_id": second, "since": since})
    await two.take_back(merge_id)
    named = [
        [each["guardian_id"] for each in await two.get(f"/persons/{record}/guardians")]
        for record in (two.survivor, two.merged)
    ]
    assert named == [[second], []]


async def test_a_guardian_goes_back_though_he_was_merged_meanwhile(two: Two, enrol: Enrol) -> None:
    mistyped, guardian = await enrol(3, coverage=EARLIER), await enrol(4, coverage={"start": "2026-06-01"})
    named = {"guardian_id": mistyped["person_id"], "since": "2026-06-15"}
    await two.made(f"/persons/{two.merged}/guardians", named)
    merge_id = await two.merge()
    await Two(two.running, guardian, mistyped).merge()
    await two.take_back(merge_id)
    (found,) = await two.get(f"/persons/{two.merged}/guardians")
    assert found["guardian_id"] == guardian["person_id"]


async def test_of_two_merges_the_later_is_taken_back_first(two: Two, enrol: Enrol) -> None:
    first = await two.merge()
    last = Two(two.running, await enrol(3, coverage={"start": "2025-01-01", "end": "2025-12-31"}), two.told)
    second = await last.merge()
    assert (await two.get(f"/persons/{two.merged}"))["merged_into"] == last.survivor
    entered = await two.made(f"/merges/{first}/reversal", {"reason": "同名不同人"})
    refused = await two.post(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    assert refused.json()["code"] == "merge.unfit"
    await two.made(f"/merges/{entered['merge_id']}/rejection", {"reason": "次序有误"}, two.other)
    await last.take_back(second)
    await two.take_back(first)
    assert (await two.get(f"/persons/{two.merged}"))["merged_into"] is None


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


async def test_what_is_out_for_withholding_under_one_record_is_not_asked_of_the_other(two: Two) -> None:
    may = {"pool": "211100", "period": "2026-05"}
    await two.made("/contribution-runs", may)
    asked = {"pool": "211100", "period": "2026-05", "side": "account"}
    first = await two.made("/withholding-batches", asked)
    await two.merge()
    again = await two.made("/withholding-batches", asked)
    assert (first["items"], again["items"]) == (1, 0)


async def test_two_who_approve_at_once_merge_once(two: Two) -> None:
    merge_id = (await two.enter()).json()["merge_id"]
    third = two.running.token(Role.ENROLLMENT_CLERK, subject="clerk-3")
    answers = await asyncio.gather(*(two.post(f"/merges/{merge_id}/approval", {}, who) for who in (two.other, third)))
    assert sorted(each.status_code for each in answers) == [200, 409]
    assert len(await two.running.told(PersonMerged)) == 1


fen = st.integers(min_value=0, max_value=1086)


@given(paid=st.tuples(fen, fen, fen, fen))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_merged_a_person_owes_one_due_less_all_that_was_paid_and_taken_back_each_owes_as_before(
    enrollment: Running, enrol: Enrol, paid: tuple[int, ...]
) -> None:
    first = next(NUMBERS)
    two = Two(enrollment, await enrol(first), await enrol(first + 1))
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    payers = ("personal_account", "employer_medical_contribution")
    places = [(each, payer) for each in (two.survivor, two.merged) for payer in payers]
    payments = [
        {"person_id": person, "payer": payer, "amount_fen": amount}
        for (person, payer), amount in zip(places, paid, strict=True)
        if amount
    ]
    if payments:
        await two.made(f"/contribution-runs/{run}/payments", {**BANK, "payments": payments})
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    before = [await two.owed(each) for each in (two.survivor, two.merged)]
    merge_id = await two.merge()
    assert await two.owed(two.survivor) == 2172 - sum(paid)
    await two.take_back(merge_id)
    assert [await two.owed(each) for each in (two.survivor, two.merged)] == before


async def test_a_merge_waits_for_a_run_under_way_so_the_month_is_due_once(enrollment: Running, enrol: Enrol) -> None:
    survivor = await enrol(1, coverage={"start": "2026-06-11"})
    two = Two(enrollment, survivor, await enrol(2, coverage={"start": "2026-01-01", "end": "2026-06-10"}))
    await two.made("/contribution-runs", {**JULY, "period": "2026-05"})
    async with enrollment.database.engine.connect() as held:
        # Whoever is to be counted in June is found then; that it is due waits for what is taken back right after.
        await held.execute(
            text(
                "INSERT INTO due (person_id, period, run_id, county, category, base_fen, due_fen, parts, rule_id)"
                " SELECT person_id, '2026-06', run_id, county, category, base_fen, due_fen, parts, rule_id FROM due"
            )
        )
        run = asyncio.create_task(two.made("/contribution-runs", {**JULY, "period": "2026-06"}))
        await _waits_for_a_lock(two.running)
        merge = asyncio.create_task(two.merge())
        done, _ = await asyncio.wait({merge}, timeout=1)
        await held.rollback()
    await asyncio.gather(run, merge)
    assert not done
    assert await two.owed(two.survivor) == 2172 + 2172


async def _waits_for_a_lock(running: Running) -> None:
    """Until somebody of the service's database waits for another."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(100):
        async with running.database.engine.connect() as connection:
            if await connection.scalar(waiting):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody waits")
