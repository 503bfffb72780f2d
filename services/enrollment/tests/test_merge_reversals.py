"""A merge is taken back with everything that went over, and nothing that came later is lost by it."""

from collections.abc import Awaitable, Callable
from typing import Any

from changhu_common.events.enrollment import (
    PersonUnmerged,
)

from services.enrollment.tests.merge_story import EARLIER, Two, twice_due
from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]


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
