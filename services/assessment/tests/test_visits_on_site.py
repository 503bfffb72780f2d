"""The visit: scores that the scale offers, by whom was sent, on its day."""

from datetime import timedelta
from typing import Any

import pytest

from services.assessment.tests.assessment_story import HEAVIEST, Story, done, refused
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


@pytest.mark.parametrize(
    ("scores", "field"),
    [
        ({**HEAVIEST, "eating": 7}, "scores.eating"),
        ({**HEAVIEST, "eating": -5}, "scores.eating"),
        ({**HEAVIEST, "eating": "5"}, "scores.eating"),
        ({**HEAVIEST, "eating": True}, "scores.eating"),
        ({**HEAVIEST, "flying": 5}, "scores.flying"),
        ({key: score for key, score in HEAVIEST.items() if key != "memory"}, "scores.memory"),
    ],
)
async def test_a_score_that_the_scale_does_not_offer_is_refused(
    story: Story, scores: dict[str, Any], field: str
) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    async with story.nothing_written():
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


@pytest.mark.parametrize("hours", [1, -48])
async def test_a_visit_is_neither_ahead_nor_before_its_assignment(story: Story, hours: int) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    moment = story.service.clock.now() + timedelta(hours=hours)
    async with story.nothing_written():
        refused(await story.visit(application, visited_at=moment.isoformat()), "visit.mistimed")
        naive = moment.replace(tzinfo=None).isoformat()
        refused(await story.visit(application, visited_at=naive), "input.invalid")
