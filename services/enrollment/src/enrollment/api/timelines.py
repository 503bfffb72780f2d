"""A person's timeline over HTTP."""

from datetime import date
from uuid import UUID

from changhu_common.clock import Clock
from fastapi import APIRouter

from enrollment.api.persons import Reader
from enrollment.usecases.timelines import Timelines, TimelineView


def timelines_router(timelines: Timelines, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["timeline"])

    @router.get("/persons/{person_id}/timeline")
    async def timeline(
        caller: Reader, person_id: UUID, on: date | None = None, known_on: date | None = None
    ) -> TimelineView:
        """What held on a day, as it was known on another day; today, where none is said."""
        today = clock.today()
        return await timelines.of_person(caller=caller, person_id=person_id, on=on or today, known_on=known_on or today)

    return router
