"""Publicity, objection and publication over HTTP."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter

from assessment.api.forms import Form, ReasonForm
from assessment.usecases.publicity import ObjectionView, PublicationsView, Publicity, PublicityView

Clerk = Annotated[Caller, allow(Role.ASSESSMENT_CLERK)]
Objector = Annotated[Caller, allow(Role.ASSESSMENT_CLERK, Role.INSURED_PERSON)]


class PublicityForm(Form):
    start: date


class PublicationsForm(Form):
    pool: str


def publicity_router(publicity: Publicity) -> APIRouter:
    router = APIRouter(tags=["publicity"])

    @router.post("/applications/{application_id}/publicity")
    async def begin(caller: Clerk, asked: Asked, application_id: UUID, form: PublicityForm) -> PublicityView:
        """公示。"""
        return await publicity.begin(caller=caller, asked=asked, application_id=application_id, start=form.start)

    @router.post("/applications/{application_id}/objection")
    async def objection(caller: Objector, asked: Asked, application_id: UUID, form: ReasonForm) -> ObjectionView:
        """异议；由另一机构和人员复评。"""
        return await publicity.object(caller=caller, asked=asked, application_id=application_id, reason=form.reason)

    @router.post("/applications/{application_id}/publication")
    async def publish_one(caller: Clerk, asked: Asked, application_id: UUID) -> PublicationsView:
        """公布一份结论。"""
        return await publicity.publish_one(caller=caller, asked=asked, application_id=application_id)

    @router.post("/publications", status_code=201)
    async def publish_over(caller: Clerk, asked: Asked, form: PublicationsForm) -> PublicationsView:
        """公布统筹区内公示期满的全部结论。"""
        return await publicity.publish_over(caller=caller, asked=asked, pool=form.pool)

    return router
