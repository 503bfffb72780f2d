"""Organisations and their agreements over HTTP."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.events.provider import OrganizationKind, ServiceMode
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field

from provider_registry.api.bodies import Body, Days, LastDay, Line, Nothing, Page, Reason, Region
from provider_registry.usecases.agreements import Agreements
from provider_registry.usecases.organizations import (
    AgreementView,
    OrganizationDetail,
    Organizations,
    OrganizationView,
)

Clerk = Annotated[Caller, allow(Role.REGISTRY_CLERK)]
Reader = Annotated[Caller, allow(Role.REGISTRY_CLERK, Role.PROVIDER_STAFF, Role.CAREGIVER, Role.AUDITOR)]


class OrganizationBody(Body):
    pool: Region
    county: Region
    kind: OrganizationKind
    name: Line
    uscc: Annotated[str, Field(min_length=18, max_length=18)] | None = None


class AgreementBody(Days):
    modes: Annotated[list[ServiceMode], Field(min_length=1, max_length=3)]


class ResumptionBody(Body):
    on: date


def organizations_router(organizations: Organizations, agreements: Agreements) -> APIRouter:
    router = APIRouter(tags=["organizations"])

    @router.post("/organizations", status_code=201)
    async def register(caller: Clerk, asked: Asked, body: OrganizationBody) -> OrganizationView:
        """Enter an organisation (定点机构)."""
        return await organizations.register(asked=asked, caller=caller, **body.model_dump())

    @router.get("/organizations")
    async def page(
        caller: Reader,
        pool: str | None = None,
        kind: OrganizationKind | None = None,
        after: UUID | None = None,
        limit: Page = 200,
    ) -> list[OrganizationView]:
        """Organisations in order of id; `after` is the last one of the page before."""
        return await organizations.page(caller=caller, pool=pool, kind=kind, after=after, limit=limit)

    @router.get("/organizations/{organization_id}")
    async def detail(caller: Reader, organization_id: UUID) -> OrganizationDetail:
        return await organizations.detail(caller=caller, organization_id=organization_id)

    @router.post("/organizations/{organization_id}/agreements", status_code=201)
    async def enter(caller: Clerk, asked: Asked, organization_id: UUID, body: AgreementBody) -> AgreementView:
        """Enter an agreement (协议)."""
        return await agreements.enter(
            asked=asked, caller=caller, organization_id=organization_id, modes=body.modes, days=body.days
        )

    @router.post("/agreements/{agreement_id}/approval")
    async def approve(caller: Clerk, asked: Asked, agreement_id: UUID, body: Nothing | None = None) -> AgreementView:
        """Approve (审批) what another clerk entered."""
        return await agreements.approve(asked=asked, caller=caller, agreement_id=agreement_id)

    @router.post("/agreements/{agreement_id}/rejection")
    async def reject(caller: Clerk, asked: Asked, agreement_id: UUID, body: Reason) -> AgreementView:
        """Reject or withdraw (退回) what was entered and not approved."""
        return await agreements.reject(asked=asked, caller=caller, agreement_id=agreement_id, reason=body.reason)

    @router.post("/agreements/{agreement_id}/suspension")
    async def suspend(caller: Clerk, asked: Asked, agreement_id: UUID, body: Days) -> AgreementView:
        """Suspend (中止) an agreement for some days."""
        return await agreements.suspend(asked=asked, caller=caller, agreement_id=agreement_id, days=body.days)

    @router.post("/agreements/{agreement_id}/resumption")
    async def resume(caller: Clerk, asked: Asked, agreement_id: UUID, body: ResumptionBody) -> AgreementView:
        """Let an agreement hold again (恢复) from a day."""
        return await agreements.resume(asked=asked, caller=caller, agreement_id=agreement_id, on=body.on)

    @router.post("/agreements/{agreement_id}/termination")
    async def terminate(caller: Clerk, asked: Asked, agreement_id: UUID, body: LastDay) -> AgreementView:
        """End an agreement (解除) with a day."""
        return await agreements.terminate(asked=asked, caller=caller, agreement_id=agreement_id, end=body.end)

    return router
