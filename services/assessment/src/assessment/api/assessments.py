"""Assignment, the visit and its confirmation over HTTP."""

from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import AwareDatetime, Field, StrictInt

from assessment.api.forms import Form, Word
from assessment.usecases.assessments import Assessments, AssignmentView, ConfirmedView, Observed
from assessment.usecases.views import VisitView

STAFF_MAX = 10  # more than a household can receive
ITEMS_MAX = 100  # of any scale

Clerk = Annotated[Caller, allow(Role.ASSESSMENT_CLERK)]
Assessor = Annotated[Caller, allow(Role.ASSESSOR, Role.ASSESSMENT_EXPERT)]
Expert = Annotated[Caller, allow(Role.ASSESSMENT_EXPERT)]


class AssignmentForm(Form):
    organization_id: UUID
    staff_ids: list[UUID] = Field(min_length=1, max_length=STAFF_MAX)


class VisitForm(Form):
    visited_at: AwareDatetime
    scale: Word
    scores: dict[str, StrictInt] = Field(max_length=ITEMS_MAX)
    guardian_present: bool


def assessments_router(assessments: Assessments) -> APIRouter:
    router = APIRouter(tags=["assessments"])

    @router.post("/applications/{application_id}/assignment")
    async def assign(caller: Clerk, asked: Asked, application_id: UUID, form: AssignmentForm) -> AssignmentView:
        """派员；复评同此。"""
        return await assessments.assign(
            caller=caller,
            asked=asked,
            application_id=application_id,
            organization_id=form.organization_id,
            staff_ids=form.staff_ids,
        )

    @router.post("/applications/{application_id}/visit")
    async def visit(caller: Assessor, asked: Asked, application_id: UUID, form: VisitForm) -> VisitView:
        """现场评估。"""
        observed = Observed(
            visited_at=form.visited_at,
            scale=form.scale,
            scores=form.scores,
            guardian_present=form.guardian_present,
        )
        return await assessments.record_visit(
            caller=caller, asked=asked, application_id=application_id, observed=observed
        )

    @router.post("/applications/{application_id}/confirmations")
    async def confirm(caller: Expert, asked: Asked, application_id: UUID) -> ConfirmedView:
        """专家确认。"""
        return await assessments.confirm(caller=caller, asked=asked, application_id=application_id)

    return router
