"""What was planned and recorded for one of a person's records is the person's, under whatever record it is asked."""

from typing import Any
from uuid import UUID

import pytest
from changhu_common.events.care import ServiceCorrected, ServiceDelivered, ServiceVoided
from changhu_common.events.enrollment import PersonMerged, PersonUnmerged
from changhu_common.roles import Role

Story = Any


@pytest.fixture
async def survivor(story: Story) -> str:
    """The story's person turns out to be registered twice; this is the record that stays."""
    other = str(await story.person(county="211122"))
    await story.running.hear(merged(story.person_id, other))
    return other


def merged(record: str, survivor: str, *, revision: int = 2) -> PersonMerged:
    return PersonMerged(person_id=UUID(record), survivor_id=UUID(survivor), pool="211100", revision=revision)


async def read(story: Story, path: str, who: dict[str, str] | None = None, **params: Any) -> Any:
    answer = await story.running.get(path, who or story.office, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_plans_point_to_the_survivor_and_are_found_by_either_record(story: Story, survivor: str) -> None:
    for asked in (survivor, story.person_id):
        (plan,) = await read(story, "/care-plans", person_id=asked)
        assert plan["person_id"] == survivor


async def test_a_visit_under_either_record_is_within_the_plan_of_the_other(story: Story, survivor: str) -> None:
    await story.made("/visits", story.office, story.visit("V1", person_id=survivor))
    later = story.visit("V2", at=story.noon.replace(hour=15))
    await story.made("/visits", story.office, later)
    seen = await read(story, "/visits", organization_id=story.organization_id, month="2026-07")
    assert {each["person_id"] for each in seen} == {survivor}
    told = await story.running.told(ServiceDelivered)
    assert [(str(each.person_id), each.county) for each in told] == [
        (survivor, "211122"),
        (story.person_id, "211122"),
    ]


async def test_a_visit_goes_on_being_told_of_the_record_that_it_was_recorded_for(story: Story) -> None:
    other = str(await story.person())
    first = await story.made("/visits", story.office, story.visit())
    await story.running.hear(merged(story.person_id, other))
    at = f"/visits/{first['visit_id']}"
    body = story.visit(person_id=other, items=[{"item": "LC01", "quantity": 2}])
    await story.made(f"{at}/correction", story.office, {**body, "reason": "项目有误"})
    await story.made(f"{at}/void", story.office, {"reason": "未上门"})
    told = await story.running.told(ServiceCorrected, ServiceVoided)
    assert [(str(each.person_id), each.revision) for each in told] == [(story.person_id, 2), (story.person_id, 3)]


async def test_sent_again_under_the_survivor_a_visit_is_known(story: Story) -> None:
    other = str(await story.person())
    await story.made("/visits", story.office, story.visit())
    await story.running.hear(merged(story.person_id, other))
    again = await story.made("/visits", story.office, story.visit(person_id=other))
    assert again["status"] == "known"


async def test_the_person_confirms_a_plan_by_either_record(story: Story, survivor: str) -> None:
    plan_id = await story.plan(story.organization_id, survivor, start="2026-08-01")
    own = story.running.token(Role.INSURED_PERSON, subject="own", person=UUID(story.person_id))
    confirmed = await story.made(f"/care-plans/{plan_id}/confirmation", own, {})
    assert (confirmed["status"], confirmed["person_id"]) == ("confirmed", survivor)


async def test_taken_back_each_record_has_its_own_again(story: Story, survivor: str) -> None:
    unmerged = PersonUnmerged(person_id=UUID(story.person_id), survivor_id=UUID(survivor), pool="211100", revision=3)
    await story.running.hear(unmerged, merged(story.person_id, survivor))
    assert await read(story, "/care-plans", person_id=survivor) == []
    status, code = await story.refused("/visits", story.office, story.visit(person_id=survivor))
    assert (status, code) == (422, "visit.outside_plan")
