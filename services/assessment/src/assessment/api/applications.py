"""Applying, and the answer whether an application is accepted, over HTTP."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from assessment.api.forms import Account, Form, ReasonForm, Word
from assessment.domain.steps import State
from assessment.usecases.applications import ApplicationPage, Applications, Relative, Submission
from assessment.usecases.views import ApplicationFile, ApplicationView

RELATIVES_MAX = 50
PAGE_MAX = 500

Clerk = Annotated[Caller, allow(Role.ASSESSMENT_CLERK)]
Applicant = Annotated[Caller, allow(Role.ASSESSMENT_CLERK, Role.INSURED_PERSON)]
Reader = Annotated[
    Caller,
    allow(Role.ASSESSMENT_CLERK, Role.ASSESSOR, Role.ASSESSMENT_EXPERT, Role.INSURED_PERSON, Role.AUDITOR),
]


class RelativeForm(Form):
    person_id: UUID | None = None
    account: Account | None = None

    @model_validator(mode="after")
    def named(self) -> Self:
        if self.person_id is None and self.account is None:
            raise ValueError("亲属须写明 person_id 或 account")
        return self


class ApplicationForm(Form):
    person_id: UUID
    disabled_since: date
    channel: Word | None = None
    agent: Word | None = Field(None, description="代办人与申请人的关系，不写姓名")
    relatives: list[RelativeForm] = Field(default_factory=list, max_length=RELATIVES_MAX)


def applications_router(applications: Applications) -> APIRouter:
    router = APIRouter(tags=["applications"])

    @router.post("/applications", status_code=201)
    async def submit(caller: Applicant, asked: Asked, form: ApplicationForm) -> ApplicationView:
        """申请失能等级评估。"""
        submission = Submission(
            person_id=form.person_id,
            disabled_since=form.disabled_since,
            channel=form.channel,
            agent=form.agent,
            relatives=[Relative(person_id=each.person_id, account=each.account) for each in form.relatives],
        )
        return await applications.submit(caller=caller, asked=asked, submission=submission)

    @router.post("/applications/{application_id}/acceptance")
    async def accept(caller: Clerk, asked: Asked, application_id: UUID) -> ApplicationView:
        """受理。"""
        return await applications.accept(caller=caller, asked=asked, application_id=application_id)

    @router.post("/applications/{application_id}/refusal")
    async def refuse(caller: Clerk, asked: Asked, application_id: UUID, form: ReasonForm) -> ApplicationView:
        """不予受理。"""
        return await applications.refuse(caller=caller, asked=asked, application_id=application_id, reason=form.reason)

    @router.get("/applications/{application_id}")
    async def file(caller: Reader, application_id: UUID) -> ApplicationFile:
        return await applications.file(caller=caller, application_id=application_id)

    @router.get("/applications")
    async def page(
        caller: Reader,
        pool: str,
        status: State | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> ApplicationPage:
        return await applications.page(caller=caller, pool=pool, state=status, after=after, limit=limit)

    return router
