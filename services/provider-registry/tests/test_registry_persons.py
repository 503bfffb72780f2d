"""What enrollment tells of a person is kept at its highest revision, whenever and however often it comes."""

from datetime import date
from itertools import permutations
from typing import Any
from uuid import UUID

from changhu_common.events.care import ServiceDelivered
from changhu_common.events.enrollment import CoveragePeriod, HospitalStayRecorded, PersonEnrolled, PersonUpdated
from changhu_common.ids import new_id
from sqlalchemy import text

Story = Any
World = Any


def told(kind: type[PersonEnrolled] | type[PersonUpdated], person_id: UUID, county: str, revision: int) -> Any:
    coverage = (CoveragePeriod(coverage_id=new_id(), category="employee", start=date(2015, 1, 1)),)
    return kind(person_id=person_id, pool="211100", county=county, revision=revision, coverage=coverage)


async def test_whatever_order_a_persons_events_come_in_the_highest_revision_stands(world: World) -> None:
    for order in permutations(range(3)):
        person_id = new_id()
        events = [
            told(PersonEnrolled, person_id, "211102", 1),
            told(PersonUpdated, person_id, "211103", 2),
            told(PersonUpdated, person_id, "211122", 3),
        ]
        await world.running.hear(*(events[n] for n in order))
        for n in order:
            await world.running.hear(events[n])
        async with world.running.database.read() as connection:
            row = (await connection.execute(text("SELECT * FROM person WHERE id = :id"), {"id": person_id})).one()
        assert (row.county, row.revision) == ("211122", 3)


async def test_a_visit_is_told_with_the_county_that_the_person_belongs_to(story: Story) -> None:
    await story.running.hear(told(PersonUpdated, UUID(story.person_id), "211122", 2))
    await story.made("/visits", story.office, story.visit())
    assert [each.county for each in await story.running.told(ServiceDelivered)] == ["211122"]


async def test_what_else_happens_to_a_person_is_not_the_registrys_business(story: Story) -> None:
    stay = HospitalStayRecorded(
        stay_id=new_id(), person_id=UUID(story.person_id), pool="211100", revision=1, start=story.noon.date()
    )
    before = await story.rows()
    await story.running.hear(stay)
    assert await story.rows() == before
    await story.made("/visits", story.office, story.visit())
