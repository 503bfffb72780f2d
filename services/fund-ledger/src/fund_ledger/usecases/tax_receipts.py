"""The tax bureau's file of a month is taken once, a corrected one takes its place, and what differs is listed."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from changhu_common.bulk_files import read_bulk
from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.ids import new_id
from changhu_common.periods import Month, day_of
from changhu_common.roles import Caller, Scope
from changhu_policies import load_pack, pools
from changhu_policies.reconciliation import reconciliation_rules
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.tax_receipts import COLUMNS, Cell, Compared, compared, read_receipts
from fund_ledger.storage import books, tax_receipts
from fund_ledger.usecases.books import refuse_other_pools, refuse_part_of_pool


@dataclass(frozen=True, slots=True)
class TaxFileView:
    """A file that was taken; `known`: the month's file says the same already, and nothing changed."""

    outcome: Literal["loaded", "known"]
    file_id: UUID
    pool: str
    month: str
    rows: int
    total_fen: int
    loaded_by: str
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class TaxComparison:
    """What the tax bureau and the books say of a month, cell by cell; `file_id` is None where no file was taken."""

    pool: str
    month: str
    file_id: UUID | None
    cells: Sequence[Compared]
    booked_fen: int
    tax_fen: int
    difference_fen: int
    document: str
    status: str
    reading: str


class TaxReceipts:
    """The tax bureau's receipts (税务入库)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(
        self, *, caller: Caller, asked: AskedChange, pool: str, month: Month, content: bytes, total_fen: int | None
    ) -> TaxFileView:
        """Take a month's file, all of it or nothing."""
        refuse_part_of_pool(caller, pool)
        if pool not in pools():
            raise NotFound(f"没有统筹区 {pool}, 或不在您的权限范围内。")
        if month.first > day_of(self._database.clock.now()):
            raise InvalidInput("入库月份还没有到。", errors=[FieldError("month", "晚于今天")])
        file = await asyncio.to_thread(read_bulk, content, COLUMNS)
        receipts = read_receipts(file=file, month=month, counties=load_pack(pool).counties, total_fen=total_fen)
        content_hash = hashlib.sha256(content).digest()
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            await books.lock(connection, [pool])  # two files of one month take turns
            before = await tax_receipts.last_file(connection, pool, month.first)
            if before is not None and before.content_hash == content_hash:
                return transaction.answer(_view(before, "known"))
            file_id = new_id()
            row = {
                "id": file_id,
                "pool": pool,
                "month": month.first,
                "rows": len(receipts),
                "total_fen": sum(each.amount_fen for each in receipts),
                "content_hash": content_hash,
                "loaded_by": caller.subject,
                "loaded_at": transaction.now,
            }
            await tax_receipts.add(connection, row, receipts)
            told = {name: value for name, value in row.items() if name != "content_hash"}
            replaced = {"file": before.id} if before else None
            transaction.record(AuditEntry("tax_file.loaded", "tax_file", file_id, before=replaced, after=told))
            return transaction.answer(_view(await tax_receipts.last_file(connection, pool, month.first), "loaded"))

    async def comparison(self, *, caller: Caller, pool: str, month: Month) -> TaxComparison:
        """A month's receipts beside what was booked of them."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            return (await compare(connection, pool=pool, month=month, scope=caller.scope))[0]


async def compare(
    connection: AsyncConnection, *, pool: str, month: Month, scope: Scope
) -> tuple[TaxComparison, dict[str, int]]:
    """A month's comparison, and what the banks confirmed of the booked amounts (fen), by county."""
    rules = reconciliation_rules()
    known = await tax_receipts.booked(
        connection,
        pool=pool,
        since=month.first,
        until=month.last,
        accounts=rules.bank_accounts,
        sources=rules.tax_sources,
        scope=scope,
    )
    file = await tax_receipts.last_file(connection, pool, month.first)
    receipts = await tax_receipts.receipts(connection, file, scope=scope) if file else []
    told = {each.payer for each in receipts}
    # A payer that a file names is compared, whatever the reading says of it.
    booked = {cell: amounts for cell, amounts in known.items() if cell.payer in {*rules.tax_payers, *told}}
    cells = compared(booked={cell: fen for cell, (fen, _) in booked.items()}, receipts=receipts)
    return (
        TaxComparison(
            pool=pool,
            month=str(month),
            file_id=file.id if file else None,
            cells=cells,
            booked_fen=sum(each.booked_fen for each in cells),
            tax_fen=sum(each.tax_fen for each in cells),
            difference_fen=sum(each.difference_fen for each in cells),
            document=rules.document,
            status=rules.status,
            reading=rules.reading,
        ),
        _by_county(booked),
    )


def _by_county(booked: dict[Cell, tuple[int, int]]) -> dict[str, int]:
    confirmed: dict[str, int] = {}
    for cell, (_, fen) in booked.items():
        confirmed[cell.county] = confirmed.get(cell.county, 0) + fen
    return confirmed


def _view(row: Any, outcome: Literal["loaded", "known"]) -> TaxFileView:
    return TaxFileView(
        outcome=outcome,
        file_id=row.id,
        pool=row.pool,
        month=str(Month.of(row.month)),
        rows=row.rows,
        total_fen=row.total_fen,
        loaded_by=row.loaded_by,
        loaded_at=row.loaded_at,
    )
