"""What another side withholds goes out as a file and comes back as one; each answer is booked once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal
from uuid import UUID

from changhu_common.bulk_files import LINE, read_bulk
from changhu_common.database import Actor, AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound
from changhu_common.ids import new_id
from changhu_common.periods import Month, day_of
from changhu_common.resident_numbers import masked
from changhu_common.roles import Caller
from changhu_common.rows import ROWS_PER_STATEMENT
from changhu_common.table_files import table_file
from changhu_policies.vocabulary import PAYERS
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.account import CellKey
from enrollment.domain.withholding import (
    ANSWER_COLUMNS,
    ASKED_HEAD,
    NUMBER_SHOWN,
    PAYERS_OF,
    Answer,
    Item,
    Side,
    matched,
    read_answer,
    written_yuan,
)
from enrollment.storage import accounts, runs, withholdings
from enrollment.storage.identities import Identities, masked_name
from enrollment.usecases.person_receipts import Allocation, book_paid
from enrollment.usecases.receipts import refuse_strange_day
from enrollment.usecases.territories import refuse_outside_pool

ERRORS_SHOWN_MAX = 100
UNANSWERED = "未回盘"


@dataclass(frozen=True, slots=True)
class StatusCount:
    status: str
    items: int
    amount_fen: int
    paid_fen: int


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch (代扣批次) as it stands, by the answers to its items."""

    batch_id: UUID
    run_id: UUID
    pool: str
    period: str
    side: str
    items: int
    amount_fen: int
    counts: Sequence[StatusCount]


@dataclass(frozen=True, slots=True)
class AnswerError:
    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResultView:
    """What a result file came to: answers booked, known before, refused with line and reason."""

    batch_id: UUID
    rows: int
    paid: int
    part: int
    failed: int
    unchanged: int
    rejected: int
    received_fen: int
    receipt_ids: Sequence[UUID]
    errors: Sequence[AnswerError]


@dataclass(slots=True)
class _Matching:
    answers: list[Answer] = field(default_factory=list)
    paid: list[Allocation] = field(default_factory=list)
    unchanged: int = 0
    errors: list[FieldError] = field(default_factory=list)


class Withholdings:
    """Withholding by the account, pension or tax side (代扣代缴)."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def make(self, *, caller: Caller, asked: AskedChange, pool: str, month: Month, side: Side) -> BatchView:
        """Ask a side for what its payers still owe of a month and were not asked for already."""
        refuse_outside_pool(caller.scope, pool)
        async with self._database.change(asked) as tx:
            run = await runs.of_month(tx.connection, pool, month)
            if run is None:
                raise NotFound(f"统筹区 {pool} 尚未核定 {month} 的应征。")
            batch = {"id": new_id(), "run_id": run.id, "pool": pool, "period": str(month), "side": side}
            await withholdings.add_batch(tx.connection, {**batch, "made_by": caller.subject, "made_at": tx.now})
            totals = await accounts.totals(tx.connection, run.id)
            open_fen = {key: each.outstanding_fen for key, each in totals.items()}
            number, after = 0, runs.FIRST_ID
            while ids := await accounts.persons_of_run(
                tx.connection, run.id, caller.scope, after=after, limit=ROWS_PER_STATEMENT
            ):
                after = ids[-1]
                sent = await withholdings.sent_of(tx.connection, run.id, ids)
                rows = []
                for person_id, account in (await accounts.of_run(tx.connection, run.id, ids)).items():
                    for cell in account.cells:
                        fen = min(cell.outstanding_fen, open_fen.get(cell.key, 0))
                        if cell.key.payer not in PAYERS_OF[side] or fen <= 0 or (account.person_id, *cell.key) in sent:
                            continue
                        number += 1
                        ids_of = {"batch_id": batch["id"], "number": number, "run_id": run.id, "person_id": person_id}
                        state = {"amount_fen": fen, "status": "sent", "paid_fen": 0, "reason": None}
                        rows.append({**ids_of, **cell.key._asdict(), **state})
                await withholdings.add_items(tx.connection, rows)
            tx.record(
                AuditEntry("withholding.made", "withholding_batch", batch["id"], after={**batch, "items": number})
            )
            return tx.answer(await self._view(tx.connection, batch["id"], caller))

    async def get(self, *, caller: Caller, batch_id: UUID) -> BatchView:
        async with self._database.read() as connection:
            return await self._view(connection, batch_id, caller)

    async def file(self, *, caller: Caller, origin: str, batch_id: UUID, form: Literal["csv", "xlsx"]) -> bytes:
        """The batch as that side reads it; whoever takes it out is in the audit."""
        async with self._database.change(Actor(caller.subject, origin)) as tx:
            batch = await _batch(tx.connection, batch_id, caller)
            lines: list[tuple[str, ...]] = []
            after = 0
            while rows := await withholdings.items_with_persons(
                tx.connection, batch_id, after=after, limit=ROWS_PER_STATEMENT
            ):
                after = rows[-1].number
                lines += await asyncio.to_thread(self._lines, rows, batch)
            tx.record(AuditEntry("withholding.file_taken", "withholding_batch", batch_id, after={"items": len(lines)}))
        return await asyncio.to_thread(table_file, ASKED_HEAD, lines, form=form, sheet="代扣")

    def _lines(self, rows: Sequence[Row[Any]], batch: Row[Any]) -> list[tuple[str, ...]]:
        whole = NUMBER_SHOWN[batch.side]
        lines: list[tuple[str, ...]] = []
        for row in rows:
            number = self._identities.open(row.id, "resident_number", row.resident_number)
            name = self._identities.name(row)
            line = (
                str(batch.id),
                str(row.number),
                str(row.person_id),
                name if whole else masked_name(name),
                number if whole else masked(number),
                row.county,
                PAYERS[row.payer],
                written_yuan(row.amount_fen),
            )
            lines.append(line)
        return lines

    async def answer(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        batch_id: UUID,
        content: bytes,
        received_on: date,
        reference: str,
    ) -> ResultView:
        """Match a result file line by line; what fits is booked, what does not is told with its line."""
        file = await asyncio.to_thread(read_bulk, content, ANSWER_COLUMNS)
        async with self._database.change(asked) as tx:
            refuse_strange_day(received_on, day_of(tx.now))
            batch = await _batch(tx.connection, batch_id, caller)
            run = await runs.get(tx.connection, batch.run_id, for_update=True)
            if run is None:
                raise _unknown()
            found = _Matching(errors=list(file.errors))
            unreadable = {error.line for error in file.errors}
            told: list[tuple[int, Answer]] = []
            for row in file.rows.iter_rows(named=True):
                if row[LINE] in unreadable:
                    continue
                answer = read_answer(row, line=row[LINE])
                if isinstance(answer, FieldError):
                    found.errors.append(answer)
                else:
                    told.append((row[LINE], answer))
            await self._match(tx, batch, told, found)
            kept = [{**_told(each), "number": each.number} for each in found.answers]
            await withholdings.answer(tx.connection, batch_id, kept)
            receipt_ids = await book_paid(
                tx,
                run=run,
                periods=await accounts.periods(tx.connection, run.id),
                paid=found.paid,
                received_on=received_on,
                reference=reference,
            )
            view = _result(batch_id, file.rows.height, found, receipt_ids)
            counted = {each: getattr(view, each) for each in ("rows", "paid", "part", "failed", "rejected")}
            tx.record(AuditEntry("withholding.answered", "withholding_batch", batch_id, after=counted))
            return tx.answer(view)

    async def close(self, *, caller: Caller, asked: AskedChange, batch_id: UUID) -> BatchView:
        """Count what the side never answered as failed, so that it can be asked for again."""
        async with self._database.change(asked) as tx:
            batch = await _batch(tx.connection, batch_id, caller)
            await runs.get(tx.connection, batch.run_id, for_update=True)
            await withholdings.fail_unanswered(tx.connection, batch_id, UNANSWERED)
            tx.record(AuditEntry("withholding.closed", "withholding_batch", batch_id))
            return tx.answer(await self._view(tx.connection, batch_id, caller))

    async def _match(
        self, tx: Transaction, batch: Row[Any], told: Sequence[tuple[int, Answer]], found: _Matching
    ) -> None:
        totals = await accounts.totals(tx.connection, batch.run_id)
        open_fen: defaultdict[CellKey, int] = defaultdict(int)
        open_fen.update({key: each.outstanding_fen for key, each in totals.items()})
        for first in range(0, len(told), ROWS_PER_STATEMENT):
            part = told[first : first + ROWS_PER_STATEMENT]
            rows = await withholdings.items(tx.connection, batch.id, {each.number for _, each in part})
            items = {number: _item(row) for number, row in rows.items()}
            people = {row.person_id for row in rows.values()}
            owed = await accounts.of_run(tx.connection, batch.run_id, people)
            for line, answer in part:
                fits = matched(answer=answer, item=items.get(answer.number), line=line)
                if isinstance(fits, FieldError):
                    found.errors.append(fits)
                    continue
                if fits == "known":
                    found.unchanged += 1
                    continue
                row = rows[answer.number]
                key = CellKey(row.county, row.category, row.payer)
                own = sum(cell.outstanding_fen for cell in owed[row.person_id].cells if cell.key == key)
                if answer.paid_fen > min(own, open_fen[key]):
                    reason = "实扣金额超过该人员尚欠的金额，可能已由其他方式缴纳；请核实后办理"
                    found.errors.append(FieldError("amount", reason, line))
                    continue
                open_fen[key] -= answer.paid_fen
                items[answer.number] = replace(items[answer.number], **_told(answer))
                found.answers.append(answer)
                if answer.paid_fen:
                    found.paid.append((row.person_id, key, answer.paid_fen))

    async def _view(self, connection: AsyncConnection, batch_id: UUID, caller: Caller) -> BatchView:
        batch = await _batch(connection, batch_id, caller)
        rows = await withholdings.counts(connection, batch_id)
        return BatchView(
            batch_id=batch.id,
            run_id=batch.run_id,
            pool=batch.pool,
            period=batch.period,
            side=batch.side,
            items=sum(row.items for row in rows),
            amount_fen=int(sum(row.amount_fen for row in rows)),
            counts=[StatusCount(row.status, row.items, int(row.amount_fen), int(row.paid_fen)) for row in rows],
        )


async def _batch(connection: AsyncConnection, batch_id: UUID, caller: Caller) -> Row[Any]:
    batch = await withholdings.get_batch(connection, batch_id)
    if batch is None or not caller.scope.covers(pool=batch.pool):
        raise _unknown()
    return batch


def _unknown() -> NotFound:
    return NotFound("没有这个代扣批次，或不在您的权限范围内。")


def _item(row: Row[Any]) -> Item:
    return Item(
        number=row.number, amount_fen=row.amount_fen, status=row.status, paid_fen=row.paid_fen, reason=row.reason
    )


def _told(answer: Answer) -> dict[str, Any]:
    return {"status": answer.outcome, "paid_fen": answer.paid_fen, "reason": answer.reason}


def _result(batch_id: UUID, rows: int, found: _Matching, receipt_ids: Sequence[UUID]) -> ResultView:
    outcomes = [each.outcome for each in found.answers]
    errors = sorted(found.errors, key=lambda error: error.line or 0)
    return ResultView(
        batch_id=batch_id,
        rows=rows,
        paid=outcomes.count("paid"),
        part=outcomes.count("part"),
        failed=outcomes.count("failed"),
        unchanged=found.unchanged,
        rejected=len({error.line for error in errors}),
        received_fen=sum(fen for _, _, fen in found.paid),
        receipt_ids=receipt_ids,
        errors=[AnswerError(each.line or 0, each.field, each.reason) for each in errors[:ERRORS_SHOWN_MAX]],
    )
