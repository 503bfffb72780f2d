"""What other services told is kept at its highest revision, doubled or shuffled as it comes."""

import random
from datetime import date
from typing import Any

import pytest
from assessment.app import SERVICE
from assessment.storage.tables import agreement, care, person, staff, supplied_value
from changhu_common.events import Envelope, Event
from changhu_common.events.care import ServiceCorrected, ServiceDelivered, ServiceVoided
from changhu_common.events.enrollment import HospitalStayRecorded, PersonUpdated
from changhu_common.events.provider import PricesPublished, ProviderTerminated, StaffReleased
from changhu_common.ids import new_id
from sqlalchemy import delete, select

from services.assessment.tests.assessment_story import (
    COUNTY,
    POOL,
    at,
    cared_for,
    designated,
    enrolled,
    registered,
    supplied,
)
from tests.support.running import Deploy, Running

PROJECTIONS = (person, agreement, staff, care, supplied_value)


@pytest.fixture
async def service(deploy: Deploy) -> Running:
    return await deploy(SERVICE)


def story() -> list[Event]:
    person_id, organization, carer = new_id(), new_id(), new_id()
    at_work = registered(organization, "a", "assessor")
    agreed = designated(organization)
    visit: dict[str, Any] = {
        "visit_id": new_id(),
        "person_id": person_id,
        "organization_id": carer,
        "pool": POOL,
        "county": COUNTY,
        "mode": "home",
        "staff_id": new_id(),
        "started_at": at(date(2026, 6, 1)),
        "ended_at": at(date(2026, 6, 1), 10),
        "items": (),
    }
    joined = enrolled(person_id)
    return [
        joined,
        PersonUpdated.model_validate({**joined.model_dump(), "revision": 2, "county": "211103"}),
        PersonUpdated.model_validate({**joined.model_dump(), "revision": 3, "county": "211104"}),
        HospitalStayRecorded(stay_id=new_id(), person_id=person_id, pool=POOL, revision=1, start=date(2026, 6, 1)),
        agreed,
        ProviderTerminated.model_validate({**agreed.model_dump(), "revision": 2, "end": date(2026, 6, 30)}),
        at_work,
        StaffReleased.model_validate({**at_work.model_dump(), "revision": 2, "end": date(2026, 6, 30)}),
        PricesPublished(organization_id=organization, pool=POOL, revision=1, prices=()),
        cared_for(person_id, carer),
        ServiceDelivered(revision=1, **visit),
        ServiceCorrected(revision=2, **visit),
        ServiceVoided(revision=3, **visit),
        supplied("assessment.publicity_days", 7),
    ]


async def content(service: Running) -> dict[str, list[Any]]:
    async with service.database.read() as connection:
        return {table.name: sorted(map(repr, await connection.execute(select(table)))) for table in PROJECTIONS}


async def test_events_doubled_and_shuffled_give_the_same_projections(service: Running) -> None:
    told = story()
    for event in told:
        await service.hear(event)
    expected = await content(service)
    assert [len(rows) for rows in expected.values()] == [1, 1, 1, 2, 1]
    chance = random.Random(3)
    for _ in range(20):
        async with service.database.engine.begin() as connection:
            for table in PROJECTIONS:
                await connection.execute(delete(table))
        doubled = [Envelope(id=new_id(), source="test", time=service.clock.now(), event=event) for event in told] * 2
        chance.shuffle(doubled)
        while doubled:
            size = chance.randint(1, 9)
            await service.hear(*doubled[:size])
            doubled = doubled[size:]
        assert await content(service) == expected
    assert (await service.worker.consumer.parked() if service.worker.consumer else []) == []
