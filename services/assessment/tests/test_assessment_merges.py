"""What was applied for and concluded of either record of a person is the person's, and one grade is in force a day."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from changhu_common.events.assessment import AssessmentPublished
from changhu_common.events.enrollment import PersonMerged, PersonUnmerged
from changhu_common.ids import new_id
from changhu_common.roles import Role

from services.assessment.tests.assessment_story import (
    LIGHTEST,
    POOL,
    Story,
    cared_for,
    done,
    enrolled,
    refused,
    registered,
)
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


@pytest.fixture
async def record(story: Story) -> UUID:
    """The second record under which the story's person stands."""
    other = new_id()
    await story.service.hear(enrolled(other))
    return other


def merged(record: UUID, survivor: UUID, *, revision: int = 2) -> PersonMerged:
    return PersonMerged(person_id=record, survivor_id=survivor, pool=POOL, revision=revision)


def unmerged(record: UUID, survivor: UUID) -> PersonUnmerged:
    return PersonUnmerged(person_id=record, survivor_id=survivor, pool=POOL, revision=3)


async def concluded(story: Story, person_id: UUID) -> str:
    """A conclusion for one of the records."""
    survivor, story.person_id = story.person_id, person_id
    try:
        return await story.published()
    finally:
        story.person_id = survivor


async def of_person(story: Story, person_id: UUID, who: Any = None) -> Any:
    return done(await story.service.get(f"/persons/{person_id}/conclusions", who or story.clerk))


async def test_conclusions_of_both_records_are_seen_under_the_survivor(story: Story, record: UUID) -> None:
    first = await concluded(story, record)
    await story.service.hear(merged(record, story.person_id))
    for asked in (story.person_id, record):
        told = await of_person(story, asked)
        assert told["person_id"] == str(story.person_id)
        assert [each["conclusion_id"] for each in told["conclusions"]] == [first]


async def test_the_later_of_two_records_grades_cuts_the_earlier_short(story: Story, record: UUID) -> None:
    first = await concluded(story, record)
    story.pass_days(180)
    second = await concluded(story, story.person_id)
    await story.service.hear(merged(record, story.person_id))
    days = [(each["conclusion_id"], each["start"], each["end"]) for each in await story.conclusions()]
    assert days == [(first, "2026-07-09", "2027-01-12"), (second, "2027-01-13", "2029-01-12")]
    last = (await story.service.told(AssessmentPublished))[-1]
    # It goes on being told of the record that it was made for.
    assert (last.person_id, str(last.conclusion_id), last.revision, last.end) == (record, first, 2, date(2027, 1, 12))


async def test_taken_back_each_record_has_its_own_days_again(story: Story, record: UUID) -> None:
    first = await concluded(story, record)
    story.pass_days(180)
    second = await concluded(story, story.person_id)
    await story.service.hear(merged(record, story.person_id))
    await story.service.hear(unmerged(record, story.person_id))
    (left,) = await story.conclusions()
    (given_back,) = (await of_person(story, record))["conclusions"]
    assert (left["conclusion_id"], given_back["conclusion_id"], given_back["end"]) == (second, first, "2028-07-08")
    assert [each.revision for each in await story.service.told(AssessmentPublished)] == [1, 1, 2, 3]


async def test_an_application_of_the_merged_record_goes_on_and_is_the_survivors(story: Story, record: UUID) -> None:
    survivor, story.person_id = story.person_id, record
    application = await story.publicised()
    story.person_id = survivor
    await story.service.hear(merged(record, survivor))
    seen = done(await story.service.get(f"/applications/{application}", story.insured()))
    assert seen["person_id"] == str(survivor)
    refused(await story.apply(), "application.open")
    story.pass_days(8)
    (conclusion,) = await story.publish_over()
    assert [each["conclusion_id"] for each in await story.conclusions()] == [conclusion]
    assert [each.person_id for each in await story.service.told(AssessmentPublished)] == [record]


async def test_who_applies_under_the_merged_record_applies_as_the_survivor(story: Story, record: UUID) -> None:
    await story.service.hear(merged(record, story.person_id))
    own = story.service.token(Role.INSURED_PERSON, subject="citizen", person=record)
    body = {"person_id": str(record), "disabled_since": "2025-06-01"}
    made = done(await story.service.post("/applications", own, body), 201)
    assert made["person_id"] == str(story.person_id)
    seen = done(await story.service.get(f"/applications/{made['application_id']}", own))
    assert seen["person_id"] == str(story.person_id)


async def test_whoever_cares_for_one_record_does_not_assess_under_the_other(story: Story, record: UUID) -> None:
    await story.service.hear(cared_for(record, story.first), merged(record, story.person_id))
    application = await story.accepted()
    answer = await story.assign(application)
    assert answer.status_code == 422, answer.text


async def test_nobody_assesses_himself_under_his_other_record(story: Story, record: UUID) -> None:
    himself = registered(story.first, "himself", "assessor", person_id=record)
    await story.service.hear(himself, merged(record, story.person_id))
    application = await story.accepted()
    answer = await story.assign(application, himself, story.expert)
    assert answer.status_code == 422, answer.text


async def test_a_merge_that_comes_before_everything_else_is_not_lost(story: Story) -> None:
    record = new_id()
    await story.service.hear(merged(record, story.person_id))
    await story.service.hear(enrolled(record))
    body = {"person_id": str(record), "disabled_since": "2025-06-01"}
    made = done(await story.service.post("/applications", story.clerk, body), 201)
    assert made["person_id"] == str(story.person_id)


async def test_told_twice_a_merge_changes_nothing(story: Story, record: UUID) -> None:
    await concluded(story, record)
    await story.service.hear(merged(record, story.person_id))
    before = await story.conclusions(), await story.service.told()
    await story.service.hear(merged(record, story.person_id))
    assert (await story.conclusions(), await story.service.told()) == before


async def test_a_light_grade_is_the_survivors_too(story: Story, record: UUID) -> None:
    survivor, story.person_id = story.person_id, record
    await story.confirmed(scores=LIGHTEST)
    story.person_id = survivor
    await story.service.hear(merged(record, survivor))
    assert [each["grade"] for each in await story.conclusions()] == [0]
