"""Transfers between pools over HTTP."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.requests import Asked
from fastapi import APIRouter
from pydantic import Field

from enrollment.api.circumstances import Clerk, Text
from enrollment.api.persons import Body, NewCoverage, Reader
from enrollment.usecases.coverages import Coverages
from enrollment.usecases.persons import PersonView
from enrollment.usecases.transfers import Origin, Transfers, TransferView

MONTHS_MAX = 1_200  # a hundred years


class Arrival(Body):
    coverage: NewCoverage
    other_pool: Annotated[str, Field(min_length=1, max_length=100)]
    recognised_months: Annotated[int, Field(ge=0, le=MONTHS_MAX)]
    reference: Text = ""


class Departure(Body):
    coverage_id: UUID
    end: date
    other_pool: Annotated[str, Field(min_length=1, max_length=100)]
    reference: Text = ""


def transfers_router(coverages: Coverages, transfers: Transfers) -> APIRouter:
    router = APIRouter(tags=["transfers"], prefix="/persons/{person_id}")

    @router.post("/transfers-in", status_code=201)
    async def arrive(caller: Clerk, asked: Asked, person_id: UUID, body: Arrival) -> PersonView:
        """Insure a person who comes from another pool (转入), with the months recognised."""
        origin = Origin(pool=body.other_pool, recognised_months=body.recognised_months, reference=body.reference)
        return await coverages.add(caller=caller, asked=asked, person_id=person_id, origin=origin, **body.coverage.said)

    @router.post("/transfers-out", status_code=201)
    async def leave(caller: Clerk, asked: Asked, person_id: UUID, body: Departure) -> TransferView:
        """End a coverage because the person goes to another pool (转出)."""
        return await coverages.leave(caller=caller, asked=asked, person_id=person_id, **body.model_dump())

    @router.get("/transfers")
    async def of_person(caller: Reader, person_id: UUID) -> Sequence[TransferView]:
        return await transfers.of_person(caller=caller, person_id=person_id)

    return router
