"""Publicity, objection, review assessment, publication."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from assessment.storage.tables import application as application_table
from assessment.storage.tables import supplied_value
from assessment.usecases.publicity import Publicity
from changhu_common.events.assessment import AssessmentPublished, AssessmentRevoked
from changhu_common.ids import new_id
from changhu_common.roles import Role
from changhu_policies.projection import SuppliedValues
from sqlalchemy import update

from services.assessment.tests.assessment_story import (
    HEAVIEST,
    LIGHTEST,
    POOL,
    Story,
    done,
    enrolled,
    refused,
    supplied,
)
from tests.support.running import Deploy

OBJECTION = {"reason": "与实际情况不符"}


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def review(story: Story, application: str, scores: dict[str, int]) -> dict[str, Any]:
    """The review assessment by the second organisation; what its second confirmation answered."""
    done(await story.assign(application, *story.staff_of_second[:2], organization=story.second))
    done(await story.visit(application, who="assessor-2", scores=scores))
    done(await story.step(application, "confirmations", {}, story.staff("expert-2")))
    return done(await story.step(application, "confirmations", {}, story.staff("other-expert-2")))


async def test_without_the_days_nothing_is_shown(deploy: Deploy) -> None:
    story = await Story.begin(deploy, publicity_days=None)
    application = await story.confirmed()
    async with story.nothing_written():
        problem = refused(await story.step(application, "publicity", {"start": str(story.today)}), "policy.missing")
        assert (problem["parameter"], problem["pool"], problem["clause"]) == (
            "assessment.publicity_days",
            POOL,
            "二(六)2",
        )
    await story.service.hear(supplied("assessment.publicity_days", 5))
    shown = done(await story.step(application, "publicity", {"start": str(story.today)}))
    assert (shown["ends_on"], shown["days"]) == ("2026-07-06", 5)


async def test_publicity_begins_neither_in_the_past_nor_far_ahead(story: Story) -> None:
    application = await story.confirmed()
    async with story.nothing_written():
        for days in (-1, 31):
            start = story.today + timedelta(days=days)
            refused(await story.step(application, "publicity", {"start": str(start)}), "publicity.mistimed")


async def test_nothing_is_published_before_its_publicity_is_over(story: Story) -> None:
    application = await story.publicised()
    story.pass_days(7)
    async with story.nothing_written():
        problem = refused(await story.step(application, "publication", {}), "publicity.not_over")
        assert problem["ends_on"] == "2026-07-08"
    assert await story.publish_over() == []
    story.pass_days(1)
    (conclusion,) = done(await story.step(application, "publication", {}))["published"]
    assert [each["conclusion_id"] for each in await story.conclusions()] == [conclusion]
    assert await story.publish_over() == []


async def test_a_late_publication_takes_no_day_from_the_person(story: Story) -> None:
    await story.publicised()
    story.pass_days(30)
    await story.publish_over()
    (told,) = await story.service.told(AssessmentPublished)
    assert (told.start, told.published_on) == (date(2026, 7, 9), date(2026, 7, 31))


async def test_two_who_publish_at_once_publish_once(story: Story) -> None:
    await story.publicised()
    story.pass_days(8)
    both = await asyncio.gather(story.publish_over(), story.publish_over())
    assert sum(map(len, both)) == 1
    assert len(await story.service.told(AssessmentPublished)) == 1


async def test_a_county_s_clerk_publishes_that_county_s_alone(story: Story) -> None:
    await story.publicised()
    story.pass_days(8)
    elsewhere = story.service.token(Role.ASSESSMENT_CLERK, region="211122")
    answer = await story.service.post("/publications", elsewhere, {"pool": POOL})
    assert done(answer, 201)["published"] == []
    outside = story.service.token(Role.ASSESSMENT_CLERK, region="330300")
    assert (await story.service.post("/publications", outside, {"pool": POOL})).status_code == 404


async def test_what_is_over_is_published_by_itself_and_nobody_waits_for_one_that_cannot_be(story: Story) -> None:
    without_rules = await story.publicised()
    story.person_id = new_id()
    await story.service.hear(enrolled(story.person_id))
    await story.publicised()
    async with story.service.database.engine.begin() as connection:
        await connection.execute(
            update(application_table).where(application_table.c.id == without_rules).values(pool="990000")
        )
    story.pass_days(8)
    publicity = Publicity(story.service.database, SuppliedValues(supplied_value), story.service.clock)
    await publicity.publish_by_itself()
    (told,) = await story.service.told(AssessmentPublished)
    assert told.person_id == story.person_id


async def test_the_loop_stops_when_told(story: Story) -> None:
    await story.publicised()
    story.pass_days(8)
    publicity = Publicity(story.service.database, SuppliedValues(supplied_value), story.service.clock)
    stop = asyncio.Event()
    running = asyncio.create_task(publicity.run(stop))
    while not await story.service.told(AssessmentPublished):
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 1)


async def test_an_objection_brings_a_review_by_others_that_is_final(story: Story) -> None:
    application = await story.publicised()
    assert done(await story.step(application, "objection", OBJECTION, story.insured()))["status"] == "objected"
    story.pass_days(8)
    assert await story.publish_over() == []
    async with story.nothing_written():
        refused(
            await story.assign(application),
            "assignment.refused",
            "assignment.review_same_organization",
            "assignment.review_same_people",
        )
    last = await review(story, application, LIGHTEST)
    assert (last["status"], last["grade"]) == ("delivered", 0)
    (told,) = await story.service.told(AssessmentPublished)
    assert (told.grade, told.start) == (0, story.today)
    async with story.nothing_written():
        refused(await story.step(application, "objection", OBJECTION), "objection.review_is_final")
    assert done(await story.service.get(f"/applications/{application}", story.clerk))["possible"] == []


async def test_a_review_that_reaches_a_level_takes_effect_at_once(story: Story) -> None:
    application = await story.publicised()
    done(await story.step(application, "objection", OBJECTION))
    last = await review(story, application, HEAVIEST)
    assert (last["status"], last["level"]) == ("published", "一")
    (told,) = await story.service.told(AssessmentPublished)
    assert str(told.conclusion_id) == last["conclusion_id"]


async def test_who_took_part_before_does_not_confirm_a_review(story: Story) -> None:
    application = await story.publicised()
    done(await story.step(application, "objection", OBJECTION))
    done(await story.assign(application, *story.staff_of_second[:2], organization=story.second))
    done(await story.visit(application, who="assessor-2"))
    async with story.nothing_written():
        refused(
            await story.step(application, "confirmations", {}, story.staff("other-expert")),
            "confirmation.refused",
            "confirmation.review_same_people",
        )


async def test_an_objection_comes_while_the_conclusion_is_public(story: Story) -> None:
    application = await story.publicised()
    story.pass_days(8)
    async with story.nothing_written():
        refused(await story.step(application, "objection", OBJECTION), "objection.too_late")


async def test_what_was_delivered_at_once_may_be_objected_to_for_the_pack_s_days(story: Story) -> None:
    application = await story.confirmed(scores=LIGHTEST)
    async with story.nothing_written():
        problem = refused(await story.step(application, "objection", OBJECTION), "policy.missing")
        assert problem["parameter"] == "assessment.objection_days"
    await story.service.hear(supplied("assessment.objection_days", 10))
    story.pass_days(10)
    done(await story.step(application, "objection", OBJECTION))
    last = await review(story, application, HEAVIEST)
    published = await story.service.told(AssessmentPublished)
    assert [(each.grade, each.revision) for each in published] == [(0, 1), (0, 2), (5, 1)]
    assert published[1].end == story.today - timedelta(days=1)
    assert str(published[2].conclusion_id) == last["conclusion_id"]


async def test_a_review_on_the_same_day_replaces_the_conclusion_whole(story: Story) -> None:
    await story.service.hear(supplied("assessment.objection_days", 10))
    application = await story.confirmed(scores=LIGHTEST)
    done(await story.step(application, "objection", OBJECTION))
    await review(story, application, HEAVIEST)
    (revoked,) = await story.service.told(AssessmentRevoked)
    assert (revoked.grade, revoked.revision) == (0, 2)
    assert [(each["grade"], each["void"]) for each in await story.conclusions()] == [(0, True), (5, False)]


async def test_an_objection_does_not_run_beside_another_application(story: Story) -> None:
    await story.service.hear(supplied("assessment.objection_days", 10))
    application = await story.confirmed(scores=LIGHTEST)
    other = done(await story.apply(), 201)["application_id"]
    async with story.nothing_written():
        problem = refused(await story.step(application, "objection", OBJECTION), "application.open")
        assert problem["application_id"] == other
