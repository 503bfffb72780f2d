"""Two different registered experts confirm; whoever entered the scores is not one of them."""

import asyncio

import pytest
from changhu_common.ids import new_id
from changhu_common.roles import Role

from services.assessment.tests.assessment_story import Story, cared_for, designated, done, refused, registered
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def test_one_expert_s_two_confirmations_are_one(story: Story) -> None:
    application = await story.visited()
    done(await story.step(application, "confirmations", {}, story.staff("expert")))
    async with story.nothing_written():
        refused(await story.step(application, "confirmations", {}, story.staff("expert")), "confirmation.twice")
    assert await story.status(application) == "visited"


async def test_who_entered_the_scores_does_not_confirm_them(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    done(await story.visit(application, who="expert"))
    async with story.nothing_written():
        refused(await story.step(application, "confirmations", {}, story.staff("expert")), "post.not_separated")


async def test_who_is_not_registered_as_an_expert_does_not_confirm(story: Story) -> None:
    provider = new_id()
    await story.service.hear(
        registered(story.first, "assessor-3", "assessor"),
        designated(provider, kind="care_provider"),
        registered(provider, "carer-expert", "expert"),
    )
    application = await story.visited()
    async with story.nothing_written():
        for account in ("nobody", "assessor-3", "carer-expert"):
            refused(
                await story.step(application, "confirmations", {}, story.staff(account)),
                "confirmation.refused",
                "confirmation.not_an_expert",
            )


async def test_an_expert_of_another_organisation_of_the_pool_may_confirm(story: Story) -> None:
    application = await story.visited()
    who = story.service.token(Role.ASSESSMENT_EXPERT, subject="expert-2", organisation=story.second)
    assert done(await story.step(application, "confirmations", {}, who))["confirmations"] == 1
    stranger = story.service.token(Role.ASSESSMENT_EXPERT, subject="nobody", organisation=story.second)
    assert (await story.step(application, "confirmations", {}, stranger)).status_code == 404


async def test_an_expert_with_an_interest_does_not_confirm(story: Story) -> None:
    carer = new_id()
    application = await story.visited(relatives=[{"account": "other-expert"}])
    await story.service.hear(
        cared_for(story.person_id, carer),
        registered(carer, "expert", "caregiver"),
        registered(story.second, "self", "expert", person_id=story.person_id),
    )
    async with story.nothing_written():
        for account in ("other-expert", "expert", "self"):
            refused(
                await story.step(application, "confirmations", {}, story.staff(account)),
                "confirmation.refused",
                "confirmation.interest",
            )


async def test_confirmations_at_the_same_moment_each_count_once(story: Story) -> None:
    application = await story.visited()
    answers = await asyncio.gather(
        *(
            story.step(application, "confirmations", {}, story.staff(account))
            for account in ("expert", "other-expert", "expert")
        )
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200, 200, 409]
    assert await story.status(application) == "confirmed"
