"""Money of transfers over HTTP: what goes along with who leaves, what comes with who comes, and both ends compared."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query

from enrollment.api.accounts import Approver, Reason
from enrollment.api.contributions import Clerk, Fen, Receiver, Reference, RunReader
from enrollment.api.persons import Body, Void
from enrollment.domain.transfer_money import MatchStatus, Status
from enrollment.usecases.transfer_ends import EndsPage, TransferEnds
from enrollment.usecases.transfer_money import (
    PAGE_MONEY_MAX,
    TransferMoney,
    TransferMoneyPage,
    TransferMoneyView,
)

Cashier = Annotated[Caller, allow(Role.CASHIER)]
Decider = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.ACCOUNTANT)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MONEY_MAX)]


class NewMoney(Body):
    amount_fen: Fen | None = None


class Payment(Body):
    paid_on: date
    bank_reference: Reference


class Receipt(Body):
    amount_fen: Fen
    received_on: date
    bank_reference: Reference


class Return(Body):
    returned_on: date
    bank_reference: Reference
    reason: Reason


def transfer_money_router(money: TransferMoney, both_ends: TransferEnds) -> APIRouter:
    router = APIRouter(tags=["money of transfers"])

    @router.post("/transfers/{transfer_id}/money", status_code=201)
    async def decide(caller: Clerk, asked: Asked, transfer_id: UUID, body: NewMoney) -> TransferMoneyView:
        """Decide what goes along with a person who left (划出转移资金), by the pool's rule `transfer.money`."""
        return await money.decide(caller=caller, asked=asked, transfer_id=transfer_id, amount_fen=body.amount_fen)

    @router.post("/transfers/{transfer_id}/receipts", status_code=201)
    async def receive(caller: Receiver, asked: Asked, transfer_id: UUID, body: Receipt) -> TransferMoneyView:
        """Record money that came for a person who came (收到转移资金)."""
        return await money.receive(caller=caller, asked=asked, transfer_id=transfer_id, **body.model_dump())

    @router.get("/transfer-money")
    async def page(
        caller: RunReader,
        pool: str,
        direction: Literal["in", "out"] | None = None,
        status: Status | None = None,
        person_id: UUID | None = None,
        after: UUID | None = None,
        limit: Limit = 100,
    ) -> TransferMoneyPage:
        wanted = {"direction": direction, "status": status, "person_id": person_id}
        return await money.page(caller=caller, pool=pool, after=after, limit=limit, **wanted)

    @router.get("/transfer-money/ends")
    async def ends(
        caller: RunReader, pool: str, status: MatchStatus | None = None, after: UUID | None = None, limit: Limit = 100
    ) -> EndsPage:
        """What one pool of this deployment sent beside what the other received (转移资金核对)."""
        return await both_ends.page(caller=caller, pool=pool, status=status, after=after, limit=limit)

    @router.get("/transfer-money/{money_id}")
    async def one(caller: RunReader, money_id: UUID) -> TransferMoneyView:
        return await money.get(caller=caller, money_id=money_id)

    @router.post("/transfer-money/{money_id}/approval")
    async def approve(caller: Approver, asked: Asked, money_id: UUID) -> TransferMoneyView:
        """Approve a sum that another person decided."""
        return await money.approve(caller=caller, asked=asked, money_id=money_id)

    @router.post("/transfer-money/{money_id}/withdrawal")
    async def withdraw(caller: Decider, asked: Asked, money_id: UUID, body: Void) -> TransferMoneyView:
        """Take back, or refuse, a sum that was not paid yet (撤回)."""
        return await money.withdraw(caller=caller, asked=asked, money_id=money_id, reason=body.reason)

    @router.post("/transfer-money/{money_id}/payment")
    async def pay(caller: Cashier, asked: Asked, money_id: UUID, body: Payment) -> TransferMoneyView:
        """Record that the bank paid an approved sum."""
        return await money.pay(caller=caller, asked=asked, money_id=money_id, **body.model_dump())

    @router.post("/transfer-money/{money_id}/return")
    async def give_back(caller: Cashier, asked: Asked, money_id: UUID, body: Return) -> TransferMoneyView:
        """Record that a payment came back, or that a receipt was sent back (退回)."""
        return await money.give_back(caller=caller, asked=asked, money_id=money_id, **body.model_dump())

    return router
