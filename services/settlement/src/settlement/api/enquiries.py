"""Asking what a month comes to and what is left of a limit."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.periods import Month
from changhu_common.requests import MonthText
from changhu_common.roles import Caller, Role
from fastapi import APIRouter

from settlement.usecases.enquiries import Enquiries
from settlement.usecases.views import LimitView, OrganizationMonth, PersonMonth

SETTLERS = (Role.SETTLEMENT_ENTRY, Role.SETTLEMENT_REVIEW, Role.SETTLEMENT_APPROVAL, Role.AUDITOR)
OfPerson = Annotated[Caller, allow(*SETTLERS, Role.INSURED_PERSON)]
OfOrganization = Annotated[Caller, allow(*SETTLERS, Role.CASHIER, Role.PROVIDER_STAFF)]


def enquiries_router(enquiries: Enquiries, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["enquiries"])

    @router.get("/persons/{person_id}/months/{month}")
    async def person_month(caller: OfPerson, person_id: UUID, month: MonthText) -> PersonMonth:
        """A person's month: each line with the clauses that decided it."""
        return await enquiries.person_month(caller=caller, person_id=person_id, month=Month.parse(month))

    @router.get("/persons/{person_id}/limit")
    async def limit(caller: OfPerson, person_id: UUID, on: date | None = None) -> LimitView:
        """What is left of the limit (限额余额) of the period around a day, today where none is given."""
        return await enquiries.limit(caller=caller, person_id=person_id, on=on or clock.today())

    @router.get("/organizations/{organization_id}/months/{month}")
    async def organization_month(
        caller: OfOrganization, organization_id: UUID, month: MonthText, after: UUID | None = None
    ) -> OrganizationMonth:
        """What an organisation's month comes to, by person."""
        return await enquiries.organization_month(
            caller=caller, organization_id=organization_id, month=Month.parse(month), after=after
        )

    return router
