"""Who may apply, and who is accepted."""

import asyncio
from datetime import date

import pytest
from changhu_common.events.enrollment import CoveragePeriod, PersonDied
from changhu_common.ids import new_id

from services.assessment.tests.assessment_story import COUNTY, POOL, Story, done, enrolled, refused
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


def insured(start: date, end: date | None = None) -> tuple[CoveragePeriod, ...]:
    return (CoveragePeriod(coverage_id=new_id(), category="employee", start=start, end=end),)


async def test_a_person_whose_news_is_on_its_way_is_told_to_come_again(story: Story) -> None:
    unknown = new_id()
    body = {"person_id": str(unknown), "disabled_since": "2025-06-01"}
    async with story.nothing_written():
        problem = refused(await story.service.post("/applications", story.clerk, body, key="k"), "person.unknown")
        assert "稍后重试" in problem["detail"]
    await story.service.hear(enrolled(unknown))
    done(await story.service.post("/applications", story.clerk, body, key="k"), 201)


async def test_who_is_not_insured_on_the_day_is_not_accepted(story: Story) -> None:
    left = enrolled(story.person_id, revision=2, coverage=insured(date(2015, 1, 1), date(2026, 6, 30)))
    await story.service.hear(left)
    application = done(await story.apply(), 201)["application_id"]
    async with story.nothing_written():
        problem = refused(
            await story.step(application, "acceptance", {}), "application.not_acceptable", "person.not_insured"
        )
        assert problem["findings"][0]["clause"] == "二(四)"
    again = enrolled(story.person_id, revision=3, coverage=insured(date(2026, 7, 1)))
    await story.service.hear(again)
    assert done(await story.step(application, "acceptance", {}))["status"] == "accepted"


async def test_the_disability_has_lasted_six_months(story: Story) -> None:
    application = done(await story.apply(disabled_since="2026-01-02"), 201)["application_id"]
    answer = await story.step(application, "acceptance", {})
    problem = refused(answer, "application.not_acceptable", "application.disabled_too_short")
    assert problem["findings"][0]["clause"] == "二(六)2"
    done(await story.step(application, "refusal", {"reason": "失能不满6个月"}))
    application = done(await story.apply(disabled_since="2026-01-01"), 201)["application_id"]
    done(await story.step(application, "acceptance", {}))


async def test_every_reason_against_acceptance_is_told(story: Story) -> None:
    application = done(await story.apply(disabled_since="2026-06-01"), 201)["application_id"]
    await story.service.hear(
        PersonDied(person_id=story.person_id, pool=POOL, county=COUNTY, revision=2, coverage=(), died_on=story.today)
    )
    refused(
        await story.step(application, "acceptance", {}),
        "application.not_acceptable",
        "person.not_insured",
        "person.died",
        "application.disabled_too_short",
    )


async def test_a_refusal_has_its_reason_and_ends_the_application(story: Story) -> None:
    application = done(await story.apply(), 201)["application_id"]
    refused(await story.step(application, "refusal", {"reason": " "}), "input.invalid")
    told = done(await story.step(application, "refusal", {"reason": "材料不全"}))
    assert (told["status"], told["refusal_reason"], told["possible"]) == ("refused", "材料不全", [])
    refused(await story.step(application, "acceptance", {}), "application.wrong_state")
    done(await story.apply(), 201)


async def test_a_person_applies_once_at_a_time(story: Story) -> None:
    first = done(await story.apply(), 201)["application_id"]
    async with story.nothing_written():
        assert refused(await story.apply(), "application.open")["application_id"] == first


async def test_two_applications_at_the_same_moment_are_one(story: Story) -> None:
    answers = await asyncio.gather(story.apply(), story.apply())
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_relative_is_named_by_something(story: Story) -> None:
    problem = refused(await story.apply(relatives=[{}]), "input.invalid")
    assert [each["field"] for each in problem["errors"]] == ["relatives.0"]


async def test_nobody_is_disabled_since_tomorrow(story: Story) -> None:
    async with story.nothing_written():
        refused(await story.apply(disabled_since="2026-07-02"), "application.onset_ahead")
