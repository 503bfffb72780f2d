"""Contribution accounts over HTTP: corrections of past months, arrears, payments by name, refunds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query
from pydantic import Field

from enrollment.api.contributions import Clerk, Fen, Receiver, Reference, RunReader
from enrollment.api.persons import TEXT_CHARACTERS_MAX, Body, Reader
from enrollment.usecases.accounts import ARREARS_PAGE_MAX, Accounts, AccountView, ArrearsPage
from enrollment.usecases.arrears import Arrears, ArrearsChange
from enrollment.usecases.corrections import Corrections, CorrectionView
from enrollment.usecases.person_receipts import Paid, PersonReceipts
from enrollment.usecases.receipts import ReceiptsView
from enrollment.usecases.refunds import Refunds, RefundView

Approver = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reason = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
PERSONS_ASKED_MAX = 10_000  # more of them are counted faster with the whole run


class NewCorrection(Body):
    reason: Reason
    persons: list[UUID] | None = Field(default=None, min_length=1, max_length=PERSONS_ASKED_MAX)


class NewPayment(Body):
    person_id: UUID
    payer: str
    amount_fen: Fen


class NewPayments(Body):
    received_on: date
    reference: Reference
    payments: list[NewPayment] = Field(min_length=1, max_length=PERSONS_ASKED_MAX)


class ArrearsSuspension(Body):
    start: date


class ArrearsResumption(Body):
    end: date


class NewRefund(Body):
    person_id: UUID
    category: str
    payer: str
    amount_fen: Fen
    reason: Reason


class Approval(Body):
    refunded_on: date | None = None


@dataclass(frozen=True, slots=True)
class RefundList:
    refunds: Sequence[RefundView]


def accounts_router(
    accounts: Accounts, arrears: Arrears, corrections: Corrections, person_receipts: PersonReceipts, refunds: Refunds
) -> APIRouter:
    router = APIRouter(tags=["contribution accounts"])

    @router.post("/contribution-runs/{run_id}/corrections", status_code=201)
    async def correct(caller: Clerk, asked: Asked, run_id: UUID, body: NewCorrection) -> CorrectionView:
        """Count a past month again with what is known by now (补退核定); the difference is due or credited."""
        return await corrections.correct(
            caller=caller, asked=asked, run_id=run_id, reason=body.reason, person_ids=body.persons
        )

    @router.post("/contribution-runs/{run_id}/payments", status_code=201)
    async def pay(caller: Receiver, asked: Asked, run_id: UUID, body: NewPayments) -> ReceiptsView:
        """Record what came in for named persons, in part or late."""
        return await person_receipts.record(
            caller=caller,
            asked=asked,
            run_id=run_id,
            received_on=body.received_on,
            reference=body.reference,
            payments=[Paid(**each.model_dump()) for each in body.payments],
        )

    @router.get("/contribution-runs/{run_id}/arrears")
    async def in_arrears(
        caller: RunReader,
        run_id: UUID,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=ARREARS_PAGE_MAX)] = 100,
    ) -> ArrearsPage:
        """Who still owes something of a run (欠费名单)."""
        return await accounts.arrears(caller=caller, run_id=run_id, after=after, limit=limit)

    @router.post("/contribution-runs/{run_id}/arrears/suspension", status_code=201)
    async def suspend(caller: Clerk, asked: Asked, run_id: UUID, body: ArrearsSuspension) -> ArrearsChange:
        """Suspend from a day on whoever still owes something of a run (欠费暂停)."""
        return await arrears.suspend(caller=caller, asked=asked, run_id=run_id, start=body.start)

    @router.post("/contribution-runs/{run_id}/arrears/resumption", status_code=201)
    async def resume(caller: Clerk, asked: Asked, run_id: UUID, body: ArrearsResumption) -> ArrearsChange:
        """Let benefits go on after a day for all whom a run's arrears suspended and who have paid since (补缴恢复)."""
        return await arrears.resume(caller=caller, asked=asked, run_id=run_id, end=body.end)

    @router.get("/persons/{person_id}/account")
    async def account(caller: Reader, person_id: UUID) -> Sequence[AccountView]:
        """What a person owed, paid and got back, period by period."""
        return await accounts.of_person(caller=caller, person_id=person_id)

    @router.post("/contribution-runs/{run_id}/refunds", status_code=201)
    async def enter_refund(caller: Clerk, asked: Asked, run_id: UUID, body: NewRefund) -> RefundView:
        """Enter a refund (退费) of what was paid too much."""
        return await refunds.enter(caller=caller, asked=asked, run_id=run_id, **body.model_dump())

    @router.get("/contribution-runs/{run_id}/refunds")
    async def refunds_of(caller: RunReader, run_id: UUID) -> RefundList:
        return RefundList(await refunds.of_run(caller=caller, run_id=run_id))

    @router.post("/refunds/{refund_id}/approval")
    async def approve_refund(caller: Approver, asked: Asked, refund_id: UUID, body: Approval) -> RefundView:
        """Approve a refund that another person entered; the fund pays it."""
        return await refunds.approve(caller=caller, asked=asked, refund_id=refund_id, refunded_on=body.refunded_on)

    return router
