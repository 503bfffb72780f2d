"""The start-up money arrives once a pool, in the amount and from the source that the pack says."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, FieldError, InvalidInput
from changhu_common.events.enrollment import StartupMoneyReceived
from changhu_common.ids import new_id
from changhu_common.money import yuan
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows

from enrollment.storage.tables import startup_money
from enrollment.usecases.receipts import refuse_strange_day
from enrollment.usecases.territories import SUPPLIED, refuse_outside_pool


class StartupMoneyKnown(Conflict):
    """It was received already."""

    code = "startup_money.already_received"
    title = "启动资金已登记到账"


class StartupMoneyDiffers(InvalidInput):
    """`fund.startup_fen` says another amount."""

    code = "startup_money.amount_differs"
    title = "金额与文件规定的启动资金不符"


@dataclass(frozen=True, slots=True)
class StartupMoneyView:
    receipt_id: UUID
    pool: str
    payer: str
    amount_fen: int
    received_on: date
    clause: str


class StartupMoney:
    """Start-up money (启动资金) of a pool."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, *, caller: Caller, asked: AskedChange, pool: str, amount_fen: int, received_on: date, reference: str
    ) -> StartupMoneyView:
        refuse_outside_pool(caller.scope, pool)
        async with self._database.change(asked) as tx:
            refuse_strange_day(received_on, day_of(tx.now))
            pack = await SUPPLIED.pack(tx.connection, pool)
            stated = pack.value("fund.startup_fen", on=received_on)
            source = pack.value("fund.startup_source", on=received_on)
            if amount_fen != stated.value:
                raise StartupMoneyDiffers(
                    f"{stated.clause}规定的启动资金为 {yuan(stated.value)} 元，请核对到账金额。",
                    errors=[FieldError("amount_fen", f"应为 {stated.value} 分")],
                    clause=stated.clause,
                )
            receipt = {
                "pool": pool,
                "id": new_id(),
                "payer": source.value,
                "amount_fen": amount_fen,
                "received_on": received_on,
                "reference": reference,
            }
            results = await insert_rows(tx.connection, startup_money, [receipt], then="ON CONFLICT (pool) DO NOTHING")
            if not results[0].rowcount:
                raise StartupMoneyKnown(f"统筹区 {pool} 的启动资金已登记到账，不能重复登记。")
            tx.emit(
                StartupMoneyReceived(
                    receipt_id=receipt["id"],
                    pool=pool,
                    county=pool,
                    payer=source.value,
                    amount_fen=amount_fen,
                    received_on=received_on,
                )
            )
            tx.record(AuditEntry("startup_money.received", "startup_money", receipt["id"], after=receipt))
            return tx.answer(
                StartupMoneyView(
                    receipt_id=receipt["id"],
                    pool=pool,
                    payer=source.value,
                    amount_fen=amount_fen,
                    received_on=received_on,
                    clause=stated.clause,
                )
            )
