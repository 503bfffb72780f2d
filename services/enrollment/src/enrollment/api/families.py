"""Family accounts and guardians over HTTP."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.requests import Asked
from changhu_policies.vocabulary import RELATIONS
from fastapi import APIRouter
from pydantic import Field

from enrollment.api.circumstances import Clerk, Text
from enrollment.api.persons import Body, GuardianRelation, Reader
from enrollment.usecases.families import Families, FamilyAccountView, GuardianView, NamedGuardian

Relation = Annotated[str, Field(pattern=rf"^({'|'.join(RELATIONS)})$")]


class NewFamilyAccount(Body):
    holder_id: UUID
    relation: Relation
    consented_on: date
    reference: Text = ""


class NewGuardian(Body):
    guardian_id: UUID
    relation: GuardianRelation | None = None
    since: date


class Revocation(Body):
    revoked_on: date


def families_router(families: Families) -> APIRouter:
    router = APIRouter(tags=["families"])

    @router.post("/persons/{person_id}/family-accounts", status_code=201)
    async def register(caller: Clerk, asked: Asked, person_id: UUID, body: NewFamilyAccount) -> FamilyAccountView:
        """Let a relative's medical account pay (家庭共济), with that relative's consent."""
        return await families.register(caller=caller, asked=asked, person_id=person_id, **body.model_dump())

    @router.get("/persons/{person_id}/family-accounts")
    async def of_person(caller: Reader, person_id: UUID) -> Sequence[FamilyAccountView]:
        return await families.of_person(caller=caller, person_id=person_id)

    @router.post("/family-accounts/{family_account_id}/revocation")
    async def revoke(caller: Clerk, asked: Asked, family_account_id: UUID, body: Revocation) -> FamilyAccountView:
        """Take the consent back."""
        return await families.revoke(
            caller=caller, asked=asked, family_account_id=family_account_id, revoked_on=body.revoked_on
        )

    @router.get("/persons/{person_id}/guardians")
    async def guardians(caller: Reader, person_id: UUID) -> Sequence[GuardianView]:
        """Whoever was named as the person's guardian (监护人), the latest first."""
        return await families.guardians(caller=caller, person_id=person_id)

    @router.post("/persons/{person_id}/guardians", status_code=201)
    async def name(caller: Clerk, asked: Asked, person_id: UUID, body: NewGuardian) -> GuardianView:
        """Name the person's guardian from a day on."""
        named = NamedGuardian(body.guardian_id, body.relation)
        return await families.name(caller=caller, asked=asked, person_id=person_id, named=named, since=body.since)

    return router
