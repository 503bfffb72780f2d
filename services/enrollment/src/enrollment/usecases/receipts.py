"""What came in is told by county, category and payer, and never exceeds what is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import FieldError, InvalidInput, NotFound, Refusal
from changhu_common.events.enrollment import ContributionReceived
from changhu_common.ids import new_id
from changhu_common.money import yuan
from changhu_common.periods import MONEY_BEGINS, day_of
from changhu_common.roles import Caller

from enrollment.storage import runs
from enrollment.usecases.contribution_runs import unknown_run


class ReceiptExceedsDue(Refusal):
    """More came in than is due: somebody must find out whose it is before it is booked."""

    code = "receipt.exceeds_due"
    title = "实缴金额超过应缴金额"


class ReceivedInFuture(InvalidInput):
    """Money is recorded when it is there."""

    code = "receipt.in_future"
    title = "到账日期晚于今天"


@dataclass(frozen=True, slots=True)
class Amount:
    """What came in from one payer for one county and category, in fen."""

    county: str
    category: str
    payer: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class ReceiptsView:
    receipt_ids: Sequence[UUID]
    received_fen: int
    outstanding_fen: int


def refuse_strange_day(day: date, today: date, *, field: str = "received_on") -> None:
    """ReceivedInFuture or InvalidInput for a day on which no money can have moved."""
    if day < MONEY_BEGINS:
        reason = f"早于 {MONEY_BEGINS}"
        raise InvalidInput(f"日期{reason}，请核对年份。", errors=[FieldError(field, reason)])
    if day > today:
        raise ReceivedInFuture("到账日期晚于今天，请核对。", errors=[FieldError(field, "晚于今天")])


class Receipts:
    """Contributions that came in (实缴)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        run_id: UUID,
        received_on: date,
        reference: str,
        amounts: Sequence[Amount] | None,
    ) -> ReceiptsView:
        """Record what came in for a run; without amounts, everything of it that is outstanding."""
        async with self._database.change(asked) as tx:
            refuse_strange_day(received_on, day_of(tx.now))
            run = await runs.get(tx.connection, run_id, for_update=True)
            totals = await runs.totals(tx.connection, run_id, caller.scope)
            if run is None or not (totals or caller.scope.covers(pool=run.pool)):
                raise unknown_run()
            by_key = {(each.county, each.category, each.payer): each for each in totals}
            outstanding = {key: runs.outstanding_fen(each) for key, each in by_key.items()}
            if amounts is None:
                amounts = [Amount(*key, amount_fen=fen) for key, fen in outstanding.items() if fen > 0]
            rows: list[dict[str, Any]] = []
            for each in amounts:
                key = (each.county, each.category, each.payer)
                if key not in outstanding:
                    raise NotFound(f"这次核定中没有 {'、'.join(key)} 的应缴，或不在您的权限范围内。")
                outstanding[key] -= each.amount_fen
                if outstanding[key] < 0:
                    raise ReceiptExceedsDue(
                        f"{'、'.join(key)} 实缴超过应缴 {yuan(-outstanding[key])} 元，请核对后重新登记。",
                        exceeds_by_fen=-outstanding[key],
                    )
                rows.append(
                    {
                        "id": new_id(),
                        "run_id": run_id,
                        "county": each.county,
                        "category": each.category,
                        "payer": each.payer,
                        "amount_fen": each.amount_fen,
                        "received_on": received_on,
                        "reference": reference,
                    }
                )
            if rows:
                await runs.add_receipts(tx.connection, rows)
            for row in rows:
                tx.emit(
                    ContributionReceived(
                        receipt_id=row["id"],
                        pool=run.pool,
                        county=row["county"],
                        period=by_key[row["county"], row["category"], row["payer"]].period,
                        category=row["category"],
                        payer=row["payer"],
                        amount_fen=row["amount_fen"],
                        received_on=received_on,
                    )
                )
                tx.record(AuditEntry("contribution.received", "receipt", row["id"], after=row))
            return tx.answer(
                ReceiptsView(
                    receipt_ids=[row["id"] for row in rows],
                    received_fen=sum(each.amount_fen for each in amounts),
                    outstanding_fen=sum(outstanding.values()),
                )
            )
