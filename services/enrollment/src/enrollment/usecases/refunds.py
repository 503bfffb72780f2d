"""A contribution is paid back once two people agreed, and never more of it than was paid too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, NotFound, PostsNotSeparated, Refusal
from changhu_common.events.enrollment import ContributionRefunded
from changhu_common.ids import new_id
from changhu_common.money import yuan
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.account import CellKey, refundable_fen
from enrollment.domain.transfer_money import OWN_PAYERS
from enrollment.storage import accounts, persons, runs
from enrollment.storage.merge_tables import MERGED
from enrollment.usecases.contribution_runs import unknown_run
from enrollment.usecases.own_money import still_to_refund_fen
from enrollment.usecases.receipts import refuse_strange_day


class RefundExceedsCredit(Refusal):
    """Only what was paid too much is paid back."""

    code = "refund.exceeds_credit"
    title = "退费金额超过多缴金额"


class RefundWentAlong(Refusal):
    """What went along with a person to another pool is not paid back to him as well."""

    code = "refund.went_along"
    title = "多缴部分已随关系转移划转"


class RefundAlreadyApproved(Conflict):
    """A refund is paid once."""

    code = "refund.already_approved"
    title = "该笔退费已审批"


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund (退费) as it stands."""

    refund_id: UUID
    run_id: UUID
    person_id: UUID
    period: str
    county: str
    category: str
    payer: str
    amount_fen: int
    reason: str
    status: Literal["entered", "approved"]
    entered_by: str
    approved_by: str | None
    refunded_on: date | None


class Refunds:
    """Refunds of contributions: entered by one person, approved by another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        run_id: UUID,
        person_id: UUID,
        category: str,
        payer: str,
        amount_fen: int,
        reason: str,
    ) -> RefundView:
        async with self._database.change(asked) as tx:
            if not await persons.get(tx.connection, [person_id], caller.scope):
                raise persons.unknown_person()
            # Persons before runs, as merges lock them.
            await persons.hold(tx.connection, person_id)
            run = await runs.get(tx.connection, run_id, for_update=True)
            if run is None:
                raise unknown_run()
            person_id = await MERGED.survivor(tx.connection, person_id)
            key, period = await self._cell(tx.connection, run_id, person_id, category, payer)
            await self._refuse_excess(tx.connection, run_id, person_id, key, amount_fen)
            row = {
                "id": new_id(),
                "run_id": run_id,
                "person_id": person_id,
                "period": period,
                **key._asdict(),
                "amount_fen": amount_fen,
                "reason": reason,
                "entered_by": caller.subject,
                "entered_at": tx.now,
            }
            await accounts.add_refund(tx.connection, row)
            tx.record(AuditEntry("refund.entered", "refund", row["id"], after=row))
            return tx.answer(_view(await accounts.get_refund(tx.connection, row["id"], caller.scope)))

    async def approve(
        self, *, caller: Caller, asked: AskedChange, refund_id: UUID, refunded_on: date | None
    ) -> RefundView:
        """Approve what another person entered; the money goes out on the day, today where none is said."""
        async with self._database.change(asked) as tx:
            found = await accounts.get_refund(tx.connection, refund_id, caller.scope)
            if found is None:
                raise NotFound("没有这笔退费，或不在您的权限范围内。")
            await persons.hold(tx.connection, found.person_id)
            run = await runs.get(tx.connection, found.run_id, for_update=True)
            found = await accounts.get_refund(tx.connection, refund_id, caller.scope, lock=True)
            if run is None or found.approved_by is not None:
                raise RefundAlreadyApproved("该笔退费已审批，不能重复支付。")
            if found.entered_by == caller.subject:
                raise PostsNotSeparated("这笔退费由您录入，请由另一位有审批权限的人员审批。")
            today = day_of(tx.now)
            refuse_strange_day(refunded_on or today, today, field="refunded_on")
            key = CellKey(found.county, found.category, found.payer)
            await self._refuse_excess(tx.connection, found.run_id, found.person_id, key, found.amount_fen)
            await accounts.approve_refund(
                tx.connection, found, approved_by=caller.subject, refunded_on=refunded_on or today
            )
            tx.emit(
                ContributionRefunded(
                    refund_id=refund_id,
                    pool=run.pool,
                    period=found.period,
                    **key._asdict(),
                    amount_fen=found.amount_fen,
                    refunded_on=refunded_on or today,
                )
            )
            tx.record(AuditEntry("refund.approved", "refund", refund_id, after={"by": caller.subject}))
            return tx.answer(_view(await accounts.get_refund(tx.connection, refund_id, caller.scope)))

    async def of_run(self, *, caller: Caller, run_id: UUID) -> Sequence[RefundView]:
        async with self._database.read() as connection:
            return [_view(row) for row in await accounts.refunds(connection, run_id, caller.scope)]

    async def _cell(
        self, connection: AsyncConnection, run_id: UUID, person_id: UUID, category: str, payer: str
    ) -> tuple[CellKey, str]:
        account = (await accounts.of_run(connection, run_id, [person_id])).get(person_id)
        for cell in account.cells if account else ():
            if account and (cell.key.category, cell.key.payer) == (category, payer):
                return cell.key, account.period
        raise NotFound("该人员在这次核定中没有该类别、该来源的账目。")

    async def _refuse_excess(
        self, connection: AsyncConnection, run_id: UUID, person_id: UUID, key: CellKey, amount_fen: int
    ) -> None:
        account = (await accounts.of_run(connection, run_id, [person_id]))[person_id]
        own = next(cell for cell in account.cells if cell.key == key)
        may_fen = refundable_fen(own=own, total=(await accounts.totals(connection, run_id))[key])
        if amount_fen > may_fen:
            raise RefundExceedsCredit(
                f"该人员该来源多缴 {yuan(may_fen)} 元，退费不能超过这一金额；应缴有变动的请先办理补退核定。",
                refundable_fen=may_fen,
            )
        left_fen = await still_to_refund_fen(connection, person_id) if key.payer in OWN_PAYERS else None
        if left_fen is not None and amount_fen > left_fen:
            raise RefundWentAlong(
                f"该人员本人缴费已随关系转移划转，可退费 {yuan(left_fen)} 元；"
                "另需退费的，请先由对方统筹区退回转移资金并登记退回。",
                refundable_fen=left_fen,
            )


def _view(row: Row[Any]) -> RefundView:
    return RefundView(
        refund_id=row.id,
        run_id=row.run_id,
        person_id=row.person_id,
        period=row.period,
        county=row.county,
        category=row.category,
        payer=row.payer,
        amount_fen=row.amount_fen,
        reason=row.reason,
        status="entered" if row.approved_by is None else "approved",
        entered_by=row.entered_by,
        approved_by=row.approved_by,
        refunded_on=row.refunded_on,
    )
