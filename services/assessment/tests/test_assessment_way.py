"""An application's way, from entry to a grade that others can rely on."""

from datetime import date

import pytest
from changhu_common.events.assessment import AssessmentPublished

from services.assessment.tests.assessment_story import HEAVIEST, LIGHTEST, SCALE, Story, done
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def test_a_person_gets_a_grade_after_its_publicity(story: Story) -> None:
    application = done(await story.apply(), 201)
    assert application["status"] == "submitted"
    application_id = application["application_id"]
    assert done(await story.step(application_id, "acceptance", {}))["status"] == "accepted"
    assert done(await story.assign(application_id))["status"] == "assigned"
    visit = done(await story.visit(application_id))
    assert (visit["grade"], visit["totals"], visit["bands"]["adl"]) == (
        5,
        {"adl": 0, "cognition": 0, "perception": 0},
        "severe",
    )
    first = done(await story.step(application_id, "confirmations", {}, story.staff("expert")))
    assert first["status"] == "visited"
    second = done(await story.step(application_id, "confirmations", {}, story.staff("other-expert")))
    assert (second["status"], second["confirmations"], second["level"]) == ("confirmed", 2, "一")
    public = done(await story.step(application_id, "publicity", {"start": "2026-07-01"}))
    assert (public["status"], public["ends_on"]) == ("publicity", "2026-07-08")
    story.pass_days(8)
    published = await story.publish_over()
    (told,) = await story.service.told(AssessmentPublished)
    assert [str(told.conclusion_id)] == published
    assert told.person_id == story.person_id
    assert (told.scale, told.scale_version, told.grade, told.revision) == ("national-2021", SCALE.version, 5, 1)
    assert (told.start, told.end) == (date(2026, 7, 9), date(2028, 7, 8))
    assert (told.disabled_since, told.published_on) == (date(2025, 6, 1), date(2026, 7, 9))
    assert await story.status(application_id) == "published"
