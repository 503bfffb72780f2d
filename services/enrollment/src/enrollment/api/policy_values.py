"""What the documents leave open over HTTP: entered by one person, approved by another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import ConfigDict, Field

from enrollment.api.persons import TEXT_CHARACTERS_MAX, Body
from enrollment.usecases.policy_values import PolicyValues, PolicyValueView

Entry = Annotated[Caller, allow(Role.POLICY_ENTRY)]
Approval = Annotated[Caller, allow(Role.POLICY_APPROVAL)]
Reader = Annotated[Caller, allow(Role.POLICY_ENTRY, Role.POLICY_APPROVAL, Role.AUDITOR)]


class NewValue(Body):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    pool: str
    parameter: str
    qualifiers: dict[str, str | int] = Field(default_factory=dict)
    value: Any
    start: date = Field(alias="from")
    end: date | None = Field(default=None, alias="to")
    source: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Values:
    values: Sequence[PolicyValueView]


def policy_values_router(values: PolicyValues) -> APIRouter:
    router = APIRouter(tags=["policy values"], prefix="/policy-values")

    @router.post("", status_code=201)
    async def enter(caller: Entry, asked: Asked, body: NewValue) -> PolicyValueView:
        """Enter a value that a document leaves open (参数补录), with the paper that says it."""
        return await values.enter(caller=caller, asked=asked, **body.model_dump())

    @router.post("/{value_id}/approval")
    async def approve(caller: Approval, asked: Asked, value_id: UUID) -> PolicyValueView:
        """Approve what another person entered."""
        return await values.approve(caller=caller, asked=asked, value_id=value_id)

    @router.get("")
    async def of_pool(caller: Reader, pool: str) -> Values:
        return Values(await values.of_pool(caller=caller, pool=pool))

    return router
