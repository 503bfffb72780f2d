"""Price lists over HTTP."""

from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field, StrictInt

from provider_registry.api.bodies import Body, Days, LastDay, Line, Reason
from provider_registry.domain.price import PRICE_FEN_MAX, PRICES_MAX
from provider_registry.usecases.prices import PriceList, Prices

Publisher = Annotated[Caller, allow(Role.PROVIDER_STAFF, Role.REGISTRY_CLERK)]
Reader = Annotated[Caller, allow(Role.PROVIDER_STAFF, Role.CAREGIVER, Role.REGISTRY_CLERK, Role.AUDITOR)]


class PriceBody(Days):
    item: Line
    price_fen: Annotated[StrictInt, Field(gt=0, le=PRICE_FEN_MAX)]


class PricesBody(Body):
    prices: Annotated[list[PriceBody], Field(min_length=1, max_length=PRICES_MAX)]


def prices_router(prices: Prices) -> APIRouter:
    router = APIRouter(tags=["prices"])

    @router.post("/organizations/{organization_id}/prices", status_code=201)
    async def publish(caller: Publisher, asked: Asked, organization_id: UUID, body: PricesBody) -> PriceList:
        """Add prices to the organisation's list (价格公示)."""
        return await prices.publish(
            asked=asked,
            caller=caller,
            organization_id=organization_id,
            added=[(each.item, each.price_fen, each.days) for each in body.prices],
        )

    @router.get("/organizations/{organization_id}/prices")
    async def of_organization(caller: Reader, organization_id: UUID) -> PriceList:
        return await prices.of_organization(caller=caller, organization_id=organization_id)

    @router.post("/organizations/{organization_id}/prices/{price_id}/end")
    async def end(caller: Publisher, asked: Asked, organization_id: UUID, price_id: UUID, body: LastDay) -> PriceList:
        """Let a price end with a day, so that another can follow."""
        return await prices.end(
            asked=asked, caller=caller, organization_id=organization_id, price_id=price_id, end=body.end
        )

    @router.post("/organizations/{organization_id}/prices/{price_id}/void")
    async def void(caller: Publisher, asked: Asked, organization_id: UUID, price_id: UUID, body: Reason) -> PriceList:
        """Take a mistaken price off the list."""
        return await prices.void(
            asked=asked, caller=caller, organization_id=organization_id, price_id=price_id, reason=body.reason
        )

    return router
