"""Transfers that the bank sent back, over HTTP."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from settlement.api.statements import REFERENCE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from settlement.usecases.returns import Returns
from settlement.usecases.views import ReturnedView


class Return(BaseModel):
    """What the bank's advice of the return says; `bank_reference` is that of the money that came back."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    bank_reference: str = Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX)
    returned_on: date
    reason: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


def returns_router(returns: Returns) -> APIRouter:
    router = APIRouter(tags=["statements"])

    @router.post("/statements/{statement_id}/return")
    async def record(
        caller: Annotated[Caller, allow(Role.CASHIER)], asked: Asked, statement_id: UUID, said: Return
    ) -> ReturnedView:
        """Record that the bank sent back the transfer which settled this statement (退汇)."""
        return await returns.record(
            caller=caller,
            asked=asked,
            statement_id=statement_id,
            bank_reference=said.bank_reference,
            returned_on=said.returned_on,
            reason=said.reason,
        )

    return router
