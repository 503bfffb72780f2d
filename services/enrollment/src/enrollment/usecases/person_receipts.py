"""Money that came in for named persons: in part, in full or late, it settles that person's due and no other's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound
from changhu_common.events.enrollment import ContributionReceived
from changhu_common.ids import new_id
from changhu_common.money import yuan
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy import Row

from enrollment.domain.account import Cell, CellKey, allocated
from enrollment.storage import accounts, persons, runs
from enrollment.storage.merge_tables import MERGED
from enrollment.usecases.contribution_runs import unknown_run
from enrollment.usecases.receipts import ReceiptExceedsDue, ReceiptsView, refuse_strange_day


@dataclass(frozen=True, slots=True)
class Paid:
    """What came in for one person from one payer, in fen."""

    person_id: UUID
    payer: str
    amount_fen: int


Allocation = tuple[UUID, CellKey, int]


async def book_paid(
    tx: Transaction,
    *,
    run: Row[Any],
    periods: Mapping[CellKey, str],
    paid: Sequence[Allocation],
    received_on: date,
    reference: str,
) -> list[UUID]:
    """Store what named persons paid: one receipt a cell, told as a total, and whose it was."""
    by_cell: defaultdict[CellKey, list[Allocation]] = defaultdict(list)
    for each in paid:
        by_cell[each[1]].append(each)
    receipts = []
    named = []
    for key in sorted(by_cell):
        amount_fen = sum(fen for _, _, fen in by_cell[key])
        receipt = {"id": new_id(), "run_id": run.id, **key._asdict(), "amount_fen": amount_fen}
        receipts.append({**receipt, "received_on": received_on, "reference": reference})
        named += [
            {
                "id": new_id(),
                "receipt_id": receipt["id"],
                "run_id": run.id,
                "person_id": person_id,
                **key._asdict(),
                "amount_fen": fen,
                "received_on": received_on,
            }
            for person_id, _, fen in by_cell[key]
        ]
        tx.emit(
            ContributionReceived(
                receipt_id=receipt["id"],
                pool=run.pool,
                period=periods[key],
                **key._asdict(),
                amount_fen=amount_fen,
                received_on=received_on,
            )
        )
        tx.record(AuditEntry("contribution.received", "receipt", receipt["id"], after=receipts[-1]))
    if receipts:
        await runs.add_receipts(tx.connection, receipts)
        await accounts.add_person_receipts(tx.connection, named)
    return [each["id"] for each in receipts]


def paying_first(cells: Iterable[Cell], payer: str) -> list[Cell]:
    return [cell for cell in cells if cell.key.payer == payer]


class PersonReceipts:
    """Contributions that came in by name (到人实缴)."""

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
        payments: Sequence[Paid],
    ) -> ReceiptsView:
        """Record what came in for persons of a run: all of it, or nothing where one line cannot be."""
        async with self._database.change(asked) as tx:
            refuse_strange_day(received_on, day_of(tx.now))
            run = await runs.get(tx.connection, run_id, for_update=True)
            if run is None:
                raise unknown_run()
            ids = {each.person_id for each in payments}
            known = {row.id for row in await persons.get(tx.connection, ids, caller.scope)}
            whose = await MERGED.records(tx.connection, known)
            payments = [replace(each, person_id=whose.get(each.person_id, each.person_id)) for each in payments]
            owed = await accounts.of_run(tx.connection, run_id, {whose[each] for each in known})
            totals = await accounts.totals(tx.connection, run_id)
            open_fen = {key: each.outstanding_fen for key, each in totals.items()}
            paid: list[Allocation] = []
            for line, each in enumerate(payments):
                account = owed.pop(each.person_id, None)
                cells = paying_first(account.cells, each.payer) if account else []
                if not cells:
                    raise NotFound(f"第 {line + 1} 条：该人员在这次核定中没有该来源的应缴，或不在您的权限范围内。")
                taken, over = allocated(amount_fen=each.amount_fen, cells=cells)
                for key, fen in taken:
                    open_fen[key] -= fen
                    over += max(0, -open_fen[key])
                if over:
                    raise ReceiptExceedsDue(
                        f"第 {line + 1} 条实缴超过该人员尚欠的金额 {yuan(over)} 元，请核对后重新登记。",
                        errors=[FieldError(f"payments.{line}.amount_fen", "超过尚欠金额")],
                        exceeds_by_fen=over,
                    )
                paid += [(each.person_id, key, fen) for key, fen in taken]
                if account:
                    owed[each.person_id] = _after(account, taken)
            receipt_ids = await book_paid(
                tx,
                run=run,
                periods=await accounts.periods(tx.connection, run_id),
                paid=paid,
                received_on=received_on,
                reference=reference,
            )
            return tx.answer(
                ReceiptsView(
                    receipt_ids=receipt_ids,
                    received_fen=sum(fen for _, _, fen in paid),
                    outstanding_fen=sum(open_fen.values()),
                )
            )


def _after(account: accounts.Account, taken: Sequence[tuple[CellKey, int]]) -> accounts.Account:
    """The account once a line is counted: a person may stand in two lines of one payer."""
    more = dict(taken)
    cells = [replace(cell, paid_fen=cell.paid_fen + more.get(cell.key, 0)) for cell in account.cells]
    return replace(account, cells=cells)
