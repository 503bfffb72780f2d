"""Budgets over HTTP: drafted line by line, from a file or from another year; approved, read, taken out."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from fund_ledger.api.execution_table import execution_table
from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.api.periods import Reason, Year
from fund_ledger.domain.budgets import BudgetLine
from fund_ledger.usecases.budgets import BudgetDetail, Budgets, BudgetView, Paper
from fund_ledger.usecases.executions import Execution, Executions

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

Attachment = Annotated[str, Field(min_length=1, max_length=200, description="附件: 预算文件的编号或存放处")]
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class EnteredLine(_Body):
    """A line; without county it is the whole pool's, without scheme it is for all of them."""

    account: str
    county: str | None = None
    scheme: str | None = None
    amount_fen: StrictInt

    def line(self) -> BudgetLine:
        return BudgetLine(self.account, self.county, self.scheme, self.amount_fen)


class NewBudget(_Body):
    reason: Reason
    attachment: Attachment
    lines: list[EnteredLine]


class Copied(_Body):
    """From which year, and how much of it, as in 105%."""

    reason: Reason
    attachment: Attachment
    from_year: Annotated[StrictInt, Field(ge=2000, le=2999)]
    factor: str = Field(default="100%", max_length=20)


class Rejection(_Body):
    reason: Reason


class Step(_Body):
    """A step that says nothing but that it is taken."""


def budgets_router(budgets: Budgets, executions: Executions, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["budget"])

    @router.post("/pools/{pool}/budgets/{year}", status_code=201)
    async def enter(caller: Accountant, asked: Asked, pool: str, year: Year, new: NewBudget) -> BudgetDetail:
        """Draft a year's budget, or an adjustment of it with all of its lines (预算编制)."""
        return await budgets.enter(
            caller=caller,
            asked=asked,
            pool=pool,
            year=year,
            paper=Paper(new.reason, new.attachment),
            lines=[each.line() for each in new.lines],
        )

    @router.post("/pools/{pool}/budgets/{year}/import", status_code=201)
    async def bring_in(
        caller: Accountant,
        asked: Asked,
        request: Request,
        pool: str,
        year: Year,
        reason: Annotated[str, Query(min_length=1, max_length=500)],
        attachment: Annotated[str, Query(min_length=1, max_length=200)],
    ) -> BudgetDetail:
        """Draft it from a CSV or XLSX file (预算导入); a bad row keeps all of them out, and every one is told."""
        return await budgets.bring_in(
            caller=caller,
            asked=asked,
            pool=pool,
            year=year,
            paper=Paper(reason, attachment),
            content=await request.body(),
        )

    @router.post("/pools/{pool}/budgets/{year}/copy", status_code=201)
    async def copy(caller: Accountant, asked: Asked, pool: str, year: Year, copied: Copied) -> BudgetDetail:
        """Draft it from what another year came to (按上年执行数编制)."""
        return await budgets.copy(
            caller=caller,
            asked=asked,
            pool=pool,
            year=year,
            paper=Paper(copied.reason, copied.attachment),
            from_year=copied.from_year,
            factor=copied.factor,
        )

    @router.get("/pools/{pool}/budgets")
    async def some(caller: Reader, pool: str, year: int | None = None, after: UUID | None = None) -> list[BudgetView]:
        """Versions and drafts, newest first; `after` is the last one of the page before."""
        return await budgets.some(caller=caller, pool=pool, year=year, after=after)

    @router.get("/budgets/{budget_id}")
    async def one(caller: Reader, budget_id: UUID) -> BudgetDetail:
        """A version with its lines."""
        return await budgets.one(caller=caller, budget_id=budget_id)

    @router.get("/budgets/{budget_id}/file")
    async def file(caller: Reader, budget_id: UUID, format: Literal["csv", "xlsx"] = "xlsx") -> Response:
        """A version as a file (预算导出) that can be changed and brought in again as an adjustment."""
        content = await budgets.file(caller=caller, budget_id=budget_id, form=format)
        disposition = f'attachment; filename="budget-{budget_id}.{format}"'
        return Response(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": disposition})

    @router.post("/budgets/{budget_id}/approval")
    async def approve(caller: Accountant, asked: Asked, budget_id: UUID, _: Step) -> BudgetDetail:
        """Approve it (预算审批); never who drafted it. What waited for the budget is tried again."""
        return await budgets.approve(caller=caller, asked=asked, budget_id=budget_id)

    @router.post("/budgets/{budget_id}/rejection")
    async def reject(caller: Accountant, asked: Asked, budget_id: UUID, rejection: Rejection) -> BudgetDetail:
        """Send it back, or withdraw one's own (退回)."""
        return await budgets.reject(caller=caller, asked=asked, budget_id=budget_id, reason=rejection.reason)

    @router.get("/pools/{pool}/budgets/{year}/execution", response_model=Execution)
    async def execution(caller: Reader, pool: str, year: Year, format: Form = "json") -> Execution | Response:
        """The execution (预算执行情况): budget, reserved, spent and free, by account, county and month."""
        told = await executions.of_year(caller=caller, pool=pool, year=year)
        return (
            told if format == "json" else await as_file(format, [execution_table(told)], Made(caller.name, clock.now()))
        )

    return router
