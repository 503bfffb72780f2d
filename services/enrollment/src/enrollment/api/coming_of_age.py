"""Who grew too old for a category, over HTTP: a clerk registers them anew."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query

from enrollment.usecases.coming_of_age import PAGE_COVERAGES_MAX, ComingOfAge, TooOldPage

Watcher = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]


def coming_of_age_router(of_age: ComingOfAge) -> APIRouter:
    router = APIRouter(tags=["coverage"])

    @router.get("/coverage/too-old")
    async def too_old(
        caller: Watcher,
        pool: str,
        until: date | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_COVERAGES_MAX)] = 100,
    ) -> TooOldPage:
        """Who is too old for his category today, or will be by a day, and is to be registered anew (到龄待转登记)."""
        return await of_age.page(caller=caller, pool=pool, until=until, after=after, limit=limit)

    return router
