"""The visit: scores that the scale offers, by whom was sent, on its day."""

from datetime import timedelta
from typing import Any

import pytest
from changhu_common.events.provider import StaffReleased

from services.assessment.tests.assessment_story import HEAVIEST, Story, done, refused
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


WRONG_SCORES: list[tuple[dict[str, Any], str]] = [
    ({**HEAVIEST, "eating": 7}, "scores.eating"),
    ({**HEAVIEST, "eating": -5}, "scores.eating"),
    ({**HEAVIEST, "eating": "5"}, "scores.eating"),
    ({**HEAVIEST, "eating": True}, "scores.eating"),
    ({**HEAVIEST, "flying": 5}, "scores.flying"),
    ({key: score for key, score in HEAVIEST.items() if key != "memory"}, "scores.memory"),
]


async def test_a_score_that_the_scale_does_not_offer_is_refused(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    async with story.nothing_written():
        for scores, field in WRONG_SCORES:
            problem = refused(await story.visit(application, scores=scores), "input.invalid")
            assert [each["field"] for each in problem["errors"]] == [field]


async def test_another_scale_than_the_pool_s_is_refused(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    async with story.nothing_written():
        problem = refused(await story.visit(application, scale="elderly-2022"), "input.invalid")
        assert [each["field"] for each in problem["errors"]] == ["scale"]


async def test_only_who_was_sent_reports_a_visit(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    async with story.nothing_written():
        refused(await story.visit(application, who="other-expert"), "visit.not_assigned")
    done(await story.visit(application, who="expert"))


async def test_a_visit_is_neither_ahead_nor_before_its_assignment(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    now = story.service.clock.now()
    async with story.nothing_written():
        for moment in (now + timedelta(hours=1), now - timedelta(hours=48)):
            refused(await story.visit(application, visited_at=moment.isoformat()), "visit.mistimed")
        naive = now.replace(tzinfo=None).isoformat()
        refused(await story.visit(application, visited_at=naive), "input.invalid")


async def test_who_left_the_organisation_since_reports_no_visit(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    left = {**story.assessor.model_dump(), "revision": 2, "end": story.today}
    await story.service.hear(StaffReleased.model_validate(left))
    story.pass_days(1)
    async with story.nothing_written():
        refused(await story.visit(application), "visit.staff_released")
