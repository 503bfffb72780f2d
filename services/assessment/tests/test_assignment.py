"""Who is sent: two people of one organisation under agreement, one an expert, and nobody with an interest."""

from datetime import date
from typing import Any

import pytest
from changhu_common.events.care import DeliveredItem, ServiceDelivered, ServiceVoided
from changhu_common.events.provider import StaffReleased
from changhu_common.ids import new_id

from services.assessment.tests.assessment_story import (
    COUNTY,
    POOL,
    Story,
    at,
    cared_for,
    designated,
    done,
    refused,
    registered,
)
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def test_one_person_is_not_enough(story: Story) -> None:
    application = await story.accepted()
    async with story.nothing_written():
        refused(await story.assign(application, story.expert), "assignment.refused", "assignment.too_few")


async def test_one_of_them_is_an_expert(story: Story) -> None:
    second = registered(story.first, "assessor-3", "assessor")
    await story.service.hear(second)
    application = await story.accepted()
    async with story.nothing_written():
        refused(await story.assign(application, story.assessor, second), "assignment.refused", "assignment.no_expert")


async def test_one_assessor_named_twice_is_one(story: Story) -> None:
    application = await story.accepted()
    twin = registered(story.first, "expert", "assessor")
    await story.service.hear(twin)
    async with story.nothing_written():
        refused(
            await story.assign(application, story.expert, story.expert),
            "assignment.refused",
            "assignment.too_few",
            "assignment.staff_twice",
        )
        refused(await story.assign(application, story.expert, twin), "assignment.refused", "assignment.staff_twice")


async def test_staff_of_another_organisation_or_released_are_not_sent(story: Story) -> None:
    application = await story.accepted()
    released = {**story.expert.model_dump(), "revision": 2, "end": date(2026, 6, 30)}
    await story.service.hear(StaffReleased.model_validate(released))
    async with story.nothing_written():
        for stranger in (story.staff_of_second[1], story.expert, registered(story.first, "nobody", "expert")):
            answer = await story.assign(application, story.assessor, story.other_expert, stranger)
            refused(answer, "assignment.refused", "assignment.staff_unregistered")


NO_AGREEMENT: list[dict[str, Any]] = [
    {"kind": "care_provider"},
    {"end": date(2026, 6, 30)},
    {"start": date(2026, 7, 2)},
    {"suspensions": [{"start": date(2026, 7, 1)}]},
]


async def test_the_organisation_has_an_agreement_on_the_day(story: Story) -> None:
    application = await story.accepted()
    for agreed in NO_AGREEMENT:
        organization = new_id()
        staff = registered(organization, "a", "assessor"), registered(organization, "e", "expert")
        await story.service.hear(designated(organization, **agreed), *staff)
        async with story.nothing_written():
            answer = await story.assign(application, *staff, organization=organization)
            refused(answer, "assignment.refused", "assignment.no_agreement")


async def test_a_relative_or_the_applicant_does_not_assess(story: Story) -> None:
    niece = new_id()
    known_by_person = registered(story.first, "niece", "expert", person_id=niece)
    oneself = registered(story.first, "self", "expert", person_id=story.person_id)
    await story.service.hear(known_by_person, oneself)
    application = await story.accepted(relatives=[{"account": "expert"}, {"person_id": str(niece)}])
    async with story.nothing_written():
        for relative in (story.expert, known_by_person):
            answer = await story.assign(application, story.assessor, relative)
            refused(answer, "assignment.refused", "assignment.relative")
        refused(await story.assign(application, story.assessor, oneself), "assignment.refused", "assignment.applicant")
    done(await story.assign(application, story.assessor, story.other_expert))


async def test_an_organisation_that_cares_for_the_person_does_not_assess(story: Story) -> None:
    await story.service.hear(cared_for(story.person_id, story.first))
    application = await story.accepted()
    async with story.nothing_written():
        refused(
            await story.assign(application),
            "assignment.refused",
            "assignment.organization_cares",
            "assignment.staff_cares",
        )


async def test_a_service_that_was_voided_is_no_care(story: Story) -> None:
    given: dict[str, Any] = {
        "visit_id": new_id(),
        "person_id": story.person_id,
        "organization_id": story.first,
        "pool": POOL,
        "county": COUNTY,
        "mode": "home",
        "staff_id": new_id(),
        "started_at": at(date(2026, 6, 1)),
        "ended_at": at(date(2026, 6, 1), 10),
        "items": (DeliveredItem(item="LC12", quantity=1),),
    }
    application = await story.accepted()
    await story.service.hear(ServiceDelivered(revision=1, **given))
    refused(await story.assign(application), "assignment.refused")
    await story.service.hear(ServiceVoided(revision=2, **given), ServiceDelivered(revision=1, **given))
    done(await story.assign(application))


async def test_who_also_serves_the_person_s_carer_does_not_assess(story: Story) -> None:
    carer = new_id()
    second_job = registered(carer, "expert", "caregiver")
    await story.service.hear(cared_for(story.person_id, carer), second_job)
    application = await story.accepted()
    async with story.nothing_written():
        refused(await story.assign(application), "assignment.refused", "assignment.staff_cares")


async def test_everything_against_an_assignment_is_told_at_once(story: Story) -> None:
    application = await story.accepted(relatives=[{"account": "assessor"}])
    refused(
        await story.assign(application, story.assessor, organization=new_id()),
        "assignment.refused",
        "assignment.too_few",
        "assignment.no_expert",
        "assignment.staff_unregistered",
        "assignment.no_agreement",
        "assignment.relative",
    )


async def test_people_may_be_replaced_until_somebody_has_been_there(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    done(await story.assign(application, *story.staff_of_second[:2], organization=story.second))
    refused(await story.visit(application, who="assessor"), "visit.not_assigned")
    done(await story.visit(application, who="assessor-2"))
    refused(await story.assign(application), "application.wrong_state")
