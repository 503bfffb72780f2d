"""Contributions over HTTP: the monthly run, what a person owes and why, receipts, start-up money."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import Field

from enrollment.api.persons import Body, Reader, month_of
from enrollment.usecases.contribution_runs import ContributionRuns, DueView, RunResult, RunView
from enrollment.usecases.receipts import Amount, Receipts, ReceiptsView
from enrollment.usecases.startup_money import StartupMoney, StartupMoneyView

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
# Who takes the money in, or enters what the tax office or the bank reports.
Receiver = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.CASHIER)]
RunReader = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.CASHIER, Role.ACCOUNTANT, Role.AUDITOR)]
Reference = Annotated[str, Field(min_length=1, max_length=200)]
Fen = Annotated[int, Field(gt=0, le=10**15)]


class NewRun(Body):
    pool: str
    period: str


class NewAmount(Body):
    county: str
    category: str
    payer: str
    amount_fen: Fen


class NewReceipts(Body):
    received_on: date
    reference: Reference
    amounts: list[NewAmount] | None = Field(default=None, max_length=10_000)


class NewStartupMoney(Body):
    pool: str
    amount_fen: Fen
    received_on: date
    reference: Reference


def contributions_router(contribution_runs: ContributionRuns, receipts: Receipts, startup: StartupMoney) -> APIRouter:
    router = APIRouter(tags=["contributions"])

    @router.post("/contribution-runs", status_code=201)
    async def run(caller: Clerk, asked: Asked, body: NewRun) -> RunResult:
        """Find what everybody of a pool owes for a month; run again, who was added since is counted too."""
        return await contribution_runs.run(
            caller=caller, asked=asked, pool=body.pool, month=month_of(body.period, "period")
        )

    @router.get("/contribution-runs/{run_id}")
    async def found(caller: RunReader, run_id: UUID) -> RunView:
        return await contribution_runs.get(caller=caller, run_id=run_id)

    @router.get("/persons/{person_id}/dues")
    async def dues(caller: Reader, person_id: UUID) -> Sequence[DueView]:
        """What a person owes, from whom, by which clause."""
        return await contribution_runs.dues_of(caller=caller, person_id=person_id)

    @router.post("/contribution-runs/{run_id}/receipts", status_code=201)
    async def receive(caller: Receiver, asked: Asked, run_id: UUID, body: NewReceipts) -> ReceiptsView:
        """Record what came in; without amounts, everything of the run that is outstanding."""
        amounts = None if body.amounts is None else [Amount(**each.model_dump()) for each in body.amounts]
        return await receipts.record(
            caller=caller,
            asked=asked,
            run_id=run_id,
            received_on=body.received_on,
            reference=body.reference,
            amounts=amounts,
        )

    @router.post("/startup-money", status_code=201)
    async def startup_money(caller: Receiver, asked: Asked, body: NewStartupMoney) -> StartupMoneyView:
        """Record the start-up money (启动资金) of a pool, once."""
        return await startup.record(caller=caller, asked=asked, **body.model_dump())

    return router
