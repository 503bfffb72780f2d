"""Projections over HTTP: asked for with their assumptions, followed while they are made, read in any form."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.reasons import reason_of
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fund_ledger.api.assumptions import AssumptionsForm
from fund_ledger.api.files import Form, Made, sent
from fund_ledger.api.paper.print import printed
from fund_ledger.api.paper.projections import projection_charts
from fund_ledger.api.projection_answer import answered
from fund_ledger.api.projection_tables import TITLE, tables_of
from fund_ledger.api.sheets import workbook
from fund_ledger.domain.assumptions import Assumptions
from fund_ledger.domain.projected import Projected, ProjectionAsked
from fund_ledger.domain.projection import YEARS_MAX, YEARS_MIN
from fund_ledger.usecases.projections import Edge, Projections, ProjectionView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]


class NewProjection(BaseModel):
    """With the data of which day (today), from which year (the next) on, over how many, under which assumptions."""

    model_config = ConfigDict(extra="forbid")

    on: Annotated[date | None, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31))] = None
    first_year: int | None = None
    years: Annotated[int, Field(ge=YEARS_MIN, le=YEARS_MAX)] = YEARS_MAX
    assumptions: dict[str, Any]


def read(said: Mapping[str, Any]) -> Assumptions:
    """Assumptions as they were sent; InvalidInput with every place that is wrong."""
    try:
        return AssumptionsForm.model_validate(said).read()
    except ValidationError as error:
        errors = [
            FieldError(".".join(map(str, ("assumptions", *each["loc"]))), reason_of(each))
            for each in error.errors(include_url=False)
        ]
        raise InvalidInput(f"测算假设有 {len(errors)} 处错误, 请按 errors 中的字段逐项改正。", errors=errors) from None


def write(found: Projected, by: str) -> Mapping[str, bytes]:
    """A projection in every form."""
    tables = tables_of(found)
    return {
        "json": json.dumps(answered(found), ensure_ascii=False).encode(),
        "xlsx": workbook(*tables),
        "pdf": printed(tables, Made(by, found.made_at), list(projection_charts(found))),
    }


EDGE = Edge(read=read, write=write)


def projections_router(projections: Projections, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["projections"])

    @router.post("/pools/{pool}/projections", status_code=202)
    async def ask(caller: Accountant, asked: Asked, pool: str, new: NewProjection) -> ProjectionView:
        """Ask for a projection (基金收支测算); it is made meanwhile."""
        on = new.on or clock.today()
        first_year = on.year + 1 if new.first_year is None else new.first_year
        wanted = ProjectionAsked(pool=pool, on=on, first_year=first_year, years=new.years)
        return await projections.ask(caller=caller, asked=asked, wanted=wanted, said=new.assumptions)

    @router.get("/pools/{pool}/projections")
    async def some(caller: Reader, pool: str, after: UUID | None = None) -> list[ProjectionView]:
        """A pool's projections, newest first."""
        return await projections.some(caller=caller, pool=pool, after=after)

    @router.get("/projections/{projection_id}")
    async def one(caller: Reader, projection_id: UUID) -> ProjectionView:
        """A projection, and how far it is."""
        return await projections.one(caller=caller, projection_id=projection_id)

    @router.get("/projections/{projection_id}/result")
    async def result(caller: Reader, projection_id: UUID, format: Form = "json") -> Response:
        """What was found, with everything that it assumes: as JSON, a workbook, or a document with charts."""
        found = await projections.file(caller=caller, projection_id=projection_id, form=format)
        return sent(found, format, f"{TITLE} {projection_id}")

    return router
