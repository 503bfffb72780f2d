"""What the documents leave open over HTTP: entered by one person, approved by another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import ConfigDict, Field

from enrollment.api.persons import TEXT_CHARACTERS_MAX, Body, Void
from enrollment.usecases.policy_values import MissingView, PolicyValues, PolicyValueView, Status

Entry = Annotated[Caller, allow(Role.POLICY_ENTRY)]
Approval = Annotated[Caller, allow(Role.POLICY_APPROVAL)]
EntryOrApproval = Annotated[Caller, allow(Role.POLICY_ENTRY, Role.POLICY_APPROVAL)]
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


@dataclass(frozen=True, slots=True)
class Missing:
    values: Sequence[MissingView]


def policy_values_router(values: PolicyValues, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["policy values"], prefix="/policy-values")

    @router.post("", status_code=201)
    async def enter(caller: Entry, asked: Asked, body: NewValue) -> PolicyValueView:
        """Enter a value that a document leaves open (参数补录), with the paper that says it."""
        return await values.enter(caller=caller, asked=asked, **body.model_dump())

    @router.post("/{value_id}/approval")
    async def approve(caller: Approval, asked: Asked, value_id: UUID) -> PolicyValueView:
        """Approve what another person entered."""
        return await values.approve(caller=caller, asked=asked, value_id=value_id)

    @router.post("/{value_id}/withdrawal")
    async def withdraw(caller: EntryOrApproval, asked: Asked, value_id: UUID, body: Void) -> PolicyValueView:
        """Take back, or refuse, what is not approved."""
        return await values.withdraw(caller=caller, asked=asked, value_id=value_id, reason=body.reason)

    @router.get("")
    async def of_pool(caller: Reader, pool: str, status: Status | None = None) -> Values:
        """What was entered for a pool, with who entered and who approved it."""
        return Values(await values.of_pool(caller=caller, pool=pool, status=status))

    @router.get("/missing")
    async def missing(caller: Reader, pool: str, on: date | None = None) -> Missing:
        """What the pool's document leaves open and nobody supplied, today or on another day."""
        return Missing(await values.missing(caller=caller, pool=pool, on=on or clock.today()))

    return router
