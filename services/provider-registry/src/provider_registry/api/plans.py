"""Care plans over HTTP."""

from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.events.provider import ServiceMode
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field

from provider_registry.api.bodies import Body, Days, Line, Page
from provider_registry.domain.plan import PLAN_ITEMS_MAX
from provider_registry.usecases.plans import Plans, PlanView

Planner = Annotated[Caller, allow(Role.PROVIDER_STAFF, Role.REGISTRY_CLERK)]
Confirmer = Annotated[Caller, allow(Role.INSURED_PERSON, Role.REGISTRY_CLERK)]
Reader = Annotated[
    Caller, allow(Role.PROVIDER_STAFF, Role.CAREGIVER, Role.REGISTRY_CLERK, Role.AUDITOR, Role.INSURED_PERSON)
]


class PlanBody(Days):
    person_id: UUID
    organization_id: UUID
    mode: ServiceMode
    items: Annotated[list[Line], Field(min_length=1, max_length=PLAN_ITEMS_MAX)]


class ConfirmationBody(Body):
    signed_document: Line | None = None


def plans_router(plans: Plans) -> APIRouter:
    router = APIRouter(tags=["care plans"])

    @router.post("/care-plans", status_code=201)
    async def draft(caller: Planner, asked: Asked, body: PlanBody) -> PlanView:
        """Draft a care plan (护理服务计划)."""
        return await plans.draft(
            asked=asked,
            caller=caller,
            organization_id=body.organization_id,
            person_id=body.person_id,
            mode=body.mode,
            items=body.items,
            days=body.days,
        )

    @router.post("/care-plans/{plan_id}/confirmation")
    async def confirm(caller: Confirmer, asked: Asked, plan_id: UUID, body: ConfirmationBody | None = None) -> PlanView:
        """Confirm (确认) a plan: the person or who acts for them, or a clerk with the signed document."""
        return await plans.confirm(
            asked=asked, caller=caller, plan_id=plan_id, signed_document=body.signed_document if body else None
        )

    @router.get("/care-plans/{plan_id}")
    async def of_id(caller: Reader, plan_id: UUID) -> PlanView:
        return await plans.of_id(caller=caller, plan_id=plan_id)

    @router.get("/care-plans")
    async def page(
        caller: Reader,
        organization_id: UUID | None = None,
        person_id: UUID | None = None,
        after: UUID | None = None,
        limit: Page = 200,
    ) -> list[PlanView]:
        """Plans in order of id; `after` is the last one of the page before."""
        return await plans.page(
            caller=caller, organization_id=organization_id, person_id=person_id, after=after, limit=limit
        )

    return router
