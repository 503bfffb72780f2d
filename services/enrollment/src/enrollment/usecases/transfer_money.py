"""Money that moves with a person between pools: decided, approved and paid by three people; received where he comes.

A sum that was paid or received is never edited: what comes back, or is sent back, is told as its reversal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound, PostsNotSeparated
from changhu_common.events.enrollment import (
    TransferMoneyPaid,
    TransferMoneyPaymentReturned,
    TransferMoneyReceiptReturned,
    TransferMoneyReceived,
)
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import PeriodInvalid
from enrollment.domain.transfer_money import (
    TAKE_BACK_FIRST,
    AlreadyRecorded,
    AmountDiffers,
    CoverageHasMoney,
    MoneyNotInStep,
    MoneyOfOtherCounty,
    MoneyWaiting,
    OtherDirection,
    Status,
)
from enrollment.storage import counties, persons, transfer_money
from enrollment.usecases.own_money import what_goes_along
from enrollment.usecases.receipts import refuse_strange_day
from enrollment.usecases.territories import SUPPLIED

PAGE_MONEY_MAX = 500
IN_WORDS = {"entered": "待审批", "approved": "待支付", "withdrawn": "已撤回", "settled": "已收付", "returned": "已退回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMoneyView:
    """A sum of money of a transfer (转移资金): where it stands, by which rule and clause, who did what."""

    money_id: UUID
    transfer_id: UUID
    person_id: UUID
    pool: str
    county: str
    category: str
    direction: str
    other_pool: str
    amount_fen: int
    status: Status
    rule: str | None
    clause: str | None
    rule_status: str | None
    pack_version: str | None
    entered_by: str
    approved_by: str | None
    withdrawn_by: str | None
    withdrawal_reason: str | None
    settled_by: str | None
    settled_on: date | None
    bank_reference: str | None
    returned_by: str | None
    returned_on: date | None
    return_reference: str | None
    return_reason: str | None


@dataclass(frozen=True, slots=True)
class TransferMoneyPage:
    money: Sequence[TransferMoneyView]
    next: UUID | None


class TransferMoney:
    """Money of transfers between pools."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decide(
        self, *, caller: Caller, asked: AskedChange, transfer_id: UUID, amount_fen: int | None
    ) -> TransferMoneyView:
        """Decide what goes along with a person who left, by the pool's rule."""
        async with self._database.change(asked) as tx:
            moved, county = await _transfer(tx.connection, transfer_id, caller, "out")
            if await transfer_money.of_coverage(tx.connection, moved.coverage_id, direction="out", besides=transfer_id):
                raise CoverageHasMoney(f"该参保的另一次转出已有转移资金，不能重复划转；{TAKE_BACK_FIRST}")
            pack = await SUPPLIED.pack(tx.connection, moved.pool)
            rule = pack.value("transfer.money", on=moved.day)
            row = {
                **_row(tx, moved, county, caller),
                "amount_fen": await what_goes_along(tx.connection, rule, moved.person_id, amount_fen),
                "rule": rule.value,
                "clause": rule.clause,
                "rule_status": rule.status,
                "pack_version": pack.version,
            }
            if not await transfer_money.add(tx.connection, row):
                raise MoneyWaiting("该笔转移已有一笔资金待审批或待支付；请先办理完毕或撤回。")
            tx.record(AuditEntry("transfer_money.entered", "transfer_money", row["id"], after=row))
            return await self._answer(tx, caller, row["id"])

    async def approve(self, *, caller: Caller, asked: AskedChange, money_id: UUID) -> TransferMoneyView:
        """Approve what another person decided, if it is still what the rule comes to."""
        async with self._database.change(asked) as tx:
            found = await _locked(tx.connection, money_id, caller, "entered")
            if found.entered_by == caller.subject:
                raise PostsNotSeparated("这笔资金由您录入，请由另一位有审批权限的人员审批。")
            await _refuse_changed(tx.connection, found)
            return await self._change(tx, caller, found, "approved", {"approved_by": caller.subject})

    async def withdraw(self, *, caller: Caller, asked: AskedChange, money_id: UUID, reason: str) -> TransferMoneyView:
        """Take back, or refuse, what was not paid yet."""
        async with self._database.change(asked) as tx:
            found = await _locked(tx.connection, money_id, caller, "entered", "approved")
            said = {"withdrawn_by": caller.subject, "withdrawal_reason": reason}
            return await self._change(tx, caller, found, "withdrawn", said)

    async def pay(
        self, *, caller: Caller, asked: AskedChange, money_id: UUID, paid_on: date, bank_reference: str
    ) -> TransferMoneyView:
        """Record that the bank paid an approved sum: the fund's books have it from then on."""
        async with self._database.change(asked) as tx:
            found = await _locked(tx.connection, money_id, caller, "approved")
            if caller.subject in (found.entered_by, found.approved_by):
                raise PostsNotSeparated("这笔资金由您录入或审批，请由另一位出纳支付。")
            refuse_strange_day(paid_on, day_of(tx.now), field="paid_on")
            await _refuse_changed(tx.connection, found)
            if await transfer_money.is_known(tx.connection, found.transfer_id, bank_reference):
                raise AlreadyRecorded(f"参考号 {bank_reference} 的转移资金已登记支付，不能重复登记。")
            said = {"settled_by": caller.subject, "settled_on": paid_on, "bank_reference": bank_reference}
            tx.emit(TransferMoneyPaid(**_told(found), paid_on=paid_on, bank_reference=bank_reference))
            return await self._change(tx, caller, found, "paid", said)

    async def receive(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        transfer_id: UUID,
        amount_fen: int,
        received_on: date,
        bank_reference: str,
    ) -> TransferMoneyView:
        """Record money that came for a person who came: it is there, whatever the other pool's rule says."""
        async with self._database.change(asked) as tx:
            moved, county = await _transfer(tx.connection, transfer_id, caller, "in")
            refuse_strange_day(received_on, day_of(tx.now))
            row = {
                **_row(tx, moved, county, caller),
                "amount_fen": amount_fen,
                "settled_by": caller.subject,
                "settled_on": received_on,
                "bank_reference": bank_reference,
            }
            if not await transfer_money.add(tx.connection, row):
                raise AlreadyRecorded(f"参考号 {bank_reference} 的转移资金已登记到账，不能重复登记。")
            found = await _locked(tx.connection, row["id"], caller, "settled")
            tx.emit(TransferMoneyReceived(**_told(found), received_on=received_on, bank_reference=bank_reference))
            tx.record(AuditEntry("transfer_money.received", "transfer_money", row["id"], after=row))
            return await self._answer(tx, caller, row["id"])

    async def give_back(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        money_id: UUID,
        returned_on: date,
        bank_reference: str,
        reason: str,
    ) -> TransferMoneyView:
        """Record that what was paid came back, or that what was received was sent back: all of it."""
        async with self._database.change(asked) as tx:
            found = await _locked(tx.connection, money_id, caller, "settled")
            if found.direction == "in" and found.settled_by == caller.subject:
                raise PostsNotSeparated("这笔资金由您登记到账，请由另一位出纳退回。")
            refuse_strange_day(returned_on, day_of(tx.now), field="returned_on")
            if returned_on < found.settled_on:
                reason = "退回日期早于收付日期"
                raise PeriodInvalid(f"{reason}，请核对。", errors=[FieldError("returned_on", reason)])
            event = TransferMoneyPaymentReturned if found.direction == "out" else TransferMoneyReceiptReturned
            tx.emit(event(**_told(found), returned_on=returned_on, bank_reference=bank_reference))
            said = {"returned_by": caller.subject, "returned_on": returned_on, "return_reference": bank_reference}
            return await self._change(tx, caller, found, "returned", said | {"return_reason": reason})

    async def get(self, *, caller: Caller, money_id: UUID) -> TransferMoneyView:
        async with self._database.read() as connection:
            found = await transfer_money.get(connection, money_id, caller.scope)
        if found is None:
            raise unknown_money()
        return _view(found)

    async def page(
        self, *, caller: Caller, pool: str, after: UUID | None, limit: int, **wanted: Any
    ) -> TransferMoneyPage:
        """Sums of a pool in the order of entry; by direction, status or person, or all."""
        async with self._database.read() as connection:
            rows = await transfer_money.page(
                connection, caller.scope, pool=pool, wanted=wanted, after=after, limit=limit + 1
            )
        views = [_view(row) for row in rows[:limit]]
        return TransferMoneyPage(views, views[-1].money_id if len(rows) > limit else None)

    async def _change(
        self, tx: Transaction, caller: Caller, found: Row[Any], step: str, said: Mapping[str, Any]
    ) -> TransferMoneyView:
        await transfer_money.change(tx.connection, found.id, said)
        before = {"status": found.status}
        tx.record(AuditEntry(f"transfer_money.{step}", "transfer_money", found.id, before=before, after=said))
        return await self._answer(tx, caller, found.id)

    async def _answer(self, tx: Transaction, caller: Caller, money_id: UUID) -> TransferMoneyView:
        found = await transfer_money.get(tx.connection, money_id, caller.scope)
        assert found is not None  # it was locked in the same scope
        return tx.answer(_view(found))


async def _transfer(
    connection: AsyncConnection, transfer_id: UUID, caller: Caller, direction: str
) -> tuple[Row[Any], str]:
    """A transfer with the county whose books are in scope, the person held: one sum is decided after another.

    The books are those of the county where the person was on the day, wherever he is by now.
    """
    moved = await transfer_money.transfer_of(connection, transfer_id)
    if moved is None:
        raise unknown_transfer()
    owner = await persons.hold(connection, moved.person_id)
    county = await counties.of_person(connection, owner, on=moved.day)
    if not caller.scope.covers(pool=moved.pool, county=county):
        if caller.scope.covers(pool=moved.pool, county=owner.county):
            raise MoneyOfOtherCounty(
                f"转移当日该人员在 {county}，资金记在该县区账上；请由该县区或统筹区的经办人员办理。", county=county
            )
        raise unknown_transfer()
    if moved.direction != direction:
        said = "转出的资金请录入后经审批支付" if moved.direction == "out" else "转入的资金请登记到账"
        raise OtherDirection(f"{said}。")
    return moved, county


def _row(tx: Transaction, moved: Row[Any], county: str, caller: Caller) -> dict[str, Any]:
    """What every sum of a transfer says."""
    return {
        "id": new_id(),
        "transfer_id": moved.id,
        "person_id": moved.person_id,
        "pool": moved.pool,
        "county": county,
        "category": moved.category,
        "direction": moved.direction,
        "other_pool": moved.other_pool,
        "entered_by": caller.subject,
        "entered_at": tx.now,
    }


async def _refuse_changed(connection: AsyncConnection, found: Row[Any]) -> None:
    """AmountDiffers where the rule comes to something else by now than to a sum that waits."""
    moved = await transfer_money.transfer_of(connection, found.transfer_id)
    if moved is None:
        raise unknown_transfer()
    await persons.hold(connection, found.person_id)
    rule = (await SUPPLIED.pack(connection, found.pool)).value("transfer.money", on=moved.day)
    said = found.amount_fen if rule.value == "agreed" else None
    if await what_goes_along(connection, rule, found.person_id, said, besides=found.id) != found.amount_fen:
        raise AmountDiffers("录入以后账目或规定有变动，金额已不同；请撤回后重新录入。")


async def _locked(connection: AsyncConnection, money_id: UUID, caller: Caller, *steps: Status) -> Row[Any]:
    """A sum in scope, locked; MoneyNotInStep where it stands in none of these steps."""
    found = await transfer_money.get(connection, money_id, caller.scope, lock=True)
    if found is None:
        raise unknown_money()
    if found.status not in steps:
        raise MoneyNotInStep(
            f"这笔转移资金{IN_WORDS[found.status]}，不能再这样办理；录入有误的，未支付前请撤回，已收付的请按退回办理。",
            money_status=found.status,
        )
    return found


def unknown_transfer() -> NotFound:
    return NotFound("没有这笔关系转移（其参保可能已撤销），或不在您的权限范围内。")


def unknown_money() -> NotFound:
    return NotFound("没有这笔转移资金，或不在您的权限范围内。")


def _told(row: Row[Any]) -> dict[str, Any]:
    """What every event of a sum says: whose books, never whose money."""
    names = ("pool", "county", "category", "other_pool", "amount_fen")
    return {"money_id": row.id, **{name: getattr(row, name) for name in names}}


def _view(row: Row[Any]) -> TransferMoneyView:
    said = {each.name: getattr(row, each.name) for each in fields(TransferMoneyView) if each.name != "money_id"}
    return TransferMoneyView(money_id=row.id, **said)
