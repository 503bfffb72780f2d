"""Conclusions over HTTP."""

from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter

from assessment.api.forms import ReasonForm
from assessment.usecases.conclusions import Conclusions, PersonConclusions
from assessment.usecases.views import ConclusionView

Clerk = Annotated[Caller, allow(Role.ASSESSMENT_CLERK)]
Reader = Annotated[Caller, allow(Role.ASSESSMENT_CLERK, Role.INSURED_PERSON, Role.AUDITOR)]


def conclusions_router(conclusions: Conclusions) -> APIRouter:
    router = APIRouter(tags=["conclusions"])

    @router.get("/persons/{person_id}/conclusions")
    async def of_person(caller: Reader, person_id: UUID) -> PersonConclusions:
        return await conclusions.of_person(caller=caller, person_id=person_id)

    @router.post("/conclusions/{conclusion_id}/revocation")
    async def revoke(caller: Clerk, asked: Asked, conclusion_id: UUID, form: ReasonForm) -> ConclusionView:
        """撤销结论，自始无效。"""
        return await conclusions.revoke(caller=caller, asked=asked, conclusion_id=conclusion_id, reason=form.reason)

    return router
