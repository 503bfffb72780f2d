"""Staff over HTTP."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.events.provider import StaffRole
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field

from provider_registry.api.bodies import Body, LastDay, Line
from provider_registry.usecases.staff import Staff, StaffView

Registrar = Annotated[Caller, allow(Role.PROVIDER_STAFF, Role.REGISTRY_CLERK)]
Reader = Annotated[Caller, allow(Role.PROVIDER_STAFF, Role.REGISTRY_CLERK, Role.AUDITOR)]


class StaffBody(Body):
    name: Line
    roles: Annotated[list[StaffRole], Field(min_length=1, max_length=3)]
    account: Line
    start: date
    person_id: UUID | None = None


def staff_router(staff: Staff) -> APIRouter:
    router = APIRouter(tags=["staff"])

    @router.post("/organizations/{organization_id}/staff", status_code=201)
    async def register(caller: Registrar, asked: Asked, organization_id: UUID, body: StaffBody) -> StaffView:
        """Register somebody (登记) who serves this organisation alone."""
        return await staff.register(asked=asked, caller=caller, organization_id=organization_id, **body.model_dump())

    @router.get("/organizations/{organization_id}/staff")
    async def of_organization(caller: Reader, organization_id: UUID) -> list[StaffView]:
        """Everybody who serves or served the organisation, with masked names."""
        return await staff.of_organization(caller=caller, organization_id=organization_id)

    @router.post("/staff/{staff_id}/release")
    async def release(caller: Registrar, asked: Asked, staff_id: UUID, body: LastDay) -> StaffView:
        """Somebody leaves (离职) with the end of a day."""
        return await staff.release(asked=asked, caller=caller, staff_id=staff_id, end=body.end)

    return router
