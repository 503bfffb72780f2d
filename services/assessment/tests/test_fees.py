"""Each concluded round has a fee: told once it is known, again when it changes, and never in a conclusion's way."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from assessment.storage.tables import fee, supplied_value
from assessment.usecases import fees
from assessment.usecases.fees import Fees
from changhu_common.events.assessment import AssessmentFee, AssessmentFeeDue, AssessmentFeeVoided
from changhu_common.events.enrollment import PersonMerged, PersonUnmerged
from changhu_common.ids import new_id
from changhu_common.roles import Role
from changhu_policies.projection import SuppliedValues

from services.assessment.tests.assessment_story import (
    COUNTY,
    HEAVIEST,
    LIGHTEST,
    POOL,
    Story,
    done,
    enrolled,
    supplied,
)
from tests.support.running import Deploy

AMOUNT = supplied("assessment.fee_fen", 30_000)
REVOKED = {"reason": "抽查发现评估失实"}
SHARES = [
    supplied("assessment.fee_fund_share", share, qualifiers={"cause": cause})
    for cause, share in {
        "first_passed": "100%",
        "passed_later": "80%",
        "failed": "60%",
        "periodic": "100%",
        "requested": "50%",
        "disputed": "30%",
    }.items()
]


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    """A pool in which everything about fees but the days of a periodic re-assessment was supplied."""
    story = await Story.begin(deploy)
    await story.service.hear(AMOUNT, *SHARES)
    return story


async def owed(story: Story) -> list[tuple[str | None, int | None]]:
    """What each fee is owed for and what the fund bears of it, in the order in which they were told."""
    latest: dict[Any, AssessmentFee] = {}
    for each in await story.service.told(AssessmentFee):
        latest[each.fee_id] = each
    return [(each.cause, each.fund_fen) for each in latest.values() if not each.VOID]


async def listed(story: Story, **asked: Any) -> list[dict[str, Any]]:
    answer = await story.service.get("/fees", story.clerk, pool=POOL, **asked)
    shown: list[dict[str, Any]] = done(answer)["fees"]
    return shown


async def failed(story: Story) -> str:
    return await story.confirmed(scores=LIGHTEST)


async def reviewed(story: Story, application: str, scores: dict[str, int]) -> None:
    """The second organisation assesses again and its experts confirm."""
    done(await story.step(application, "objection", {"reason": "不服"}))
    done(await story.assign(application, *story.staff_of_second[:2], organization=story.second))
    done(await story.visit(application, who="assessor-2", scores=scores))
    for account in ("expert-2", "other-expert-2"):
        done(await story.step(application, "confirmations", {}, story.staff(account)))


async def test_a_first_assessment_that_passes_is_told_once_it_is_published(story: Story) -> None:
    application = await story.publicised()
    visited_on = story.today
    assert await story.service.told(AssessmentFee) == []
    story.pass_days(8)
    await story.publish_over()
    (told,) = await story.service.told(AssessmentFeeDue)
    assert (str(told.application_id), told.person_id, told.organization_id) == (
        application, story.person_id, story.first,
    )  # fmt: skip
    assert (told.cause, told.assessed_on, told.county) == ("first_passed", visited_on, COUNTY)
    assert (told.fee_fen, told.fund_fen, told.person_fen, told.revision) == (30_000, 30_000, 0, 1)


async def test_an_assessment_that_does_not_pass_is_shared(story: Story) -> None:
    await failed(story)
    assert await owed(story) == [("failed", 18_000)]


async def test_an_application_that_was_not_accepted_costs_nothing(story: Story) -> None:
    application = done(await story.apply(), 201)["application_id"]
    done(await story.step(application, "refusal", {"reason": "材料不全"}))
    assert await listed(story) == []


async def test_a_missing_value_holds_up_no_conclusion_and_is_named(deploy: Deploy) -> None:
    story = await Story.begin(deploy)
    application = await failed(story)
    assert await story.service.told(AssessmentFee) == []
    (waits,) = done(await story.service.get(f"/applications/{application}", story.clerk))["fees"]
    assert (waits["status"], waits["status_name"], waits["cause_name"]) == ("undecided", "待定", "评估未通过")
    assert [(each["parameter"], each["pool"], each["clause"]) for each in waits["problems"]] == [
        ("assessment.fee_fen", POOL, "三(九)"),
        ("assessment.fee_fund_share", POOL, "三(九)"),
    ]
    assert await listed(story, status="undecided") == [waits]


async def test_what_waited_becomes_due_by_itself_when_the_values_come(deploy: Deploy) -> None:
    story = await Story.begin(deploy)
    await failed(story)
    await story.service.hear(*SHARES)
    assert await owed(story) == []
    await story.service.hear(AMOUNT, AMOUNT)
    (told,) = await story.service.told(AssessmentFee)
    assert (told.fund_fen, told.person_fen, told.revision) == (18_000, 12_000, 1)
    assert await listed(story, status="undecided") == []


async def test_a_value_for_later_days_changes_no_fee_of_before(story: Story) -> None:
    await failed(story)
    await story.service.hear(supplied("assessment.fee_fen", 50_000, start=story.today + timedelta(days=1)))
    assert len(await story.service.told(AssessmentFee)) == 1


async def test_a_value_that_is_corrected_is_told_under_a_higher_revision(story: Story) -> None:
    await failed(story)
    corrected = supplied("assessment.fee_fen", 20_000, approved_at=story.service.clock.now())
    await story.service.hear(corrected)
    first, second = await story.service.told(AssessmentFeeDue)
    assert first.fee_id == second.fee_id
    assert (second.fund_fen, second.person_fen, second.revision) == (12_000, 8_000, 2)


async def test_a_revoked_conclusion_leaves_no_fee(story: Story) -> None:
    only = await story.published()
    done(await story.service.post(f"/conclusions/{only}/revocation", story.clerk, REVOKED))
    (void,) = await story.service.told(AssessmentFeeVoided)
    assert (void.revision, void.fund_fen) == (2, 30_000)
    assert [each["status"] for each in await listed(story)] == ["void"]


async def test_what_came_after_a_revoked_conclusion_is_judged_without_it(story: Story) -> None:
    await failed(story)
    (first,) = await story.conclusions()
    story.pass_days(30)
    await story.published()
    assert await owed(story) == [("failed", 18_000), ("passed_later", 24_000)]
    done(await story.service.post(f"/conclusions/{first['conclusion_id']}/revocation", story.clerk, REVOKED))
    assert await owed(story) == [("first_passed", 30_000)]


async def test_a_review_costs_too_and_settles_whether_the_first_assessment_passed(story: Story) -> None:
    await story.service.hear(supplied("assessment.objection_days", 10))
    application = await failed(story)
    await reviewed(story, application, HEAVIEST)
    first, again, review = await story.service.told(AssessmentFeeDue)
    assert (first.cause, first.fund_fen) == ("failed", 18_000)
    assert (again.fee_id, again.cause, again.fund_fen, again.revision) == (first.fee_id, "first_passed", 30_000, 2)
    assert (review.cause, review.fund_fen, review.organization_id) == ("disputed", 9_000, story.second)


async def test_a_first_round_that_was_never_published_is_owed_with_its_review(story: Story) -> None:
    application = await story.publicised()
    await reviewed(story, application, LIGHTEST)
    assert await owed(story) == [("failed", 18_000), ("disputed", 9_000)]


async def test_an_early_reassessment_waits_for_the_days_that_make_it_periodic(story: Story) -> None:
    await story.published()
    story.pass_days(600)
    await story.published()
    assert await owed(story) == [("first_passed", 30_000)]
    await story.service.hear(supplied("assessment.periodic_days", 90))
    assert await owed(story) == [("first_passed", 30_000), ("requested", 15_000)]


async def test_what_is_not_known_any_more_is_taken_back_until_it_is(deploy: Deploy) -> None:
    story = await Story.begin(deploy)
    await story.service.hear(AMOUNT, SHARES[2], supplied("assessment.objection_days", 10))
    application = await failed(story)
    await reviewed(story, application, HEAVIEST)
    told = await story.service.told(AssessmentFee)
    assert [(type(each), each.revision) for each in told] == [(AssessmentFeeDue, 1), (AssessmentFeeVoided, 2)]
    await story.service.hear(*SHARES)
    assert await owed(story) == [("first_passed", 30_000), ("disputed", 9_000)]


async def test_two_records_of_one_person_have_one_first_assessment(story: Story) -> None:
    first, second = story.person_id, new_id()
    await story.service.hear(enrolled(second))
    await failed(story)
    story.person_id = second
    story.pass_days(30)
    await story.published()
    assert await owed(story) == [("failed", 18_000), ("first_passed", 30_000)]
    merged = PersonMerged(person_id=first, survivor_id=second, pool=POOL, revision=2)
    await story.service.hear(merged)
    assert await owed(story) == [("failed", 18_000), ("passed_later", 24_000)]
    await story.service.hear(PersonUnmerged(**merged.model_dump() | {"revision": 3}))
    assert await owed(story) == [("failed", 18_000), ("first_passed", 30_000)]


async def test_the_list_goes_page_by_page_and_shows_each_his_own(story: Story) -> None:
    await failed(story)
    story.pass_days(30)
    await failed(story)
    first = done(await story.service.get("/fees", story.clerk, pool=POOL, limit=1))
    (rest,) = await listed(story, after=first["next"])
    assert {first["fees"][0]["fee_id"], rest["fee_id"]} == {each["fee_id"] for each in await listed(story)}
    whose = [
        story.service.token(Role.PROVIDER_STAFF, organisation=story.first),
        story.service.token(Role.PROVIDER_STAFF, organisation=story.second),
        story.service.token(Role.ASSESSMENT_CLERK, region="211122"),
    ]
    seen = [len(done(await story.service.get("/fees", who, pool=POOL))["fees"]) for who in whose]
    assert seen == [2, 0, 0]


async def test_a_person_sees_his_own_part_in_his_application(story: Story) -> None:
    application = await failed(story)
    (shown,) = done(await story.service.get(f"/applications/{application}", story.insured()))["fees"]
    assert (shown["fee_fen"], shown["person_fen"]) == (30_000, 12_000)


async def test_any_order_of_values_comes_to_the_same_fees(story: Story) -> None:
    await failed(story)
    story.pass_days(30)
    await story.published()
    before = await owed(story)
    values = [AMOUNT, *SHARES, supplied("assessment.periodic_days", 90)] * 2
    random.Random(5).shuffle(values)
    for each in values:
        await story.service.hear(each)
    assert await owed(story) == before


async def test_a_value_that_comes_while_somebody_confirms_is_not_overlooked(deploy: Deploy) -> None:
    story = await Story.begin(deploy)
    await story.service.hear(*SHARES)
    application = await story.visited(scores=LIGHTEST)
    done(await story.step(application, "confirmations", {}, story.staff("expert")))
    confirm = story.step(application, "confirmations", {}, story.staff("other-expert"))
    confirmed, _ = await asyncio.gather(confirm, story.service.hear(AMOUNT))
    done(confirmed)
    assert await owed(story) == [("failed", 18_000)]


async def test_a_service_that_starts_with_another_pack_decides_anew(story: Story) -> None:
    await failed(story)
    async with story.service.database.engine.begin() as connection:
        await connection.execute(fee.update().values(status="undecided", fee_fen=None, pack_version="old", revision=0))
    work = Fees(story.service.database, SuppliedValues(supplied_value))
    await work.catch_up()
    assert (await work.waiting(), await work.work_off(), await work.waiting()) == (1, 1, 0)
    (shown,) = await listed(story)
    assert (shown["status"], shown["fund_fen"]) == ("due", 18_000)
    await work.catch_up()
    assert await work.waiting() == 0


async def test_what_is_too_much_for_one_transaction_is_worked_off_from_the_queue(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fees, "PERSONS_MAX", 1)
    story = await Story.begin(deploy)
    await failed(story)
    story.person_id = new_id()
    await story.service.hear(enrolled(story.person_id))
    await failed(story)
    await story.service.hear(AMOUNT, *SHARES)
    assert await owed(story) == []
    work = Fees(story.service.database, SuppliedValues(supplied_value))
    while await work.work_off():
        pass
    assert await owed(story) == [("failed", 18_000)] * 2
