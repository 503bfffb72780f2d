"""Facts of other bureaus in bulk: the good rows are recorded and told, contradictions go to a clerk's list.

Sent again it changes nothing; a contradiction that a clerk decided stays decided.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from changhu_common.bulk_files import LINE, BulkFile, read_bulk
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound
from changhu_common.events.enrollment import PersonDied
from changhu_common.ids import new_id
from changhu_common.periods import DateRange, day_of
from changhu_common.roles import Caller
from changhu_common.rows import ROWS_PER_STATEMENT, insert_rows
from changhu_common.table_files import error_file
from changhu_policies import pools
from sqlalchemy import Row

from enrollment.domain.marks import held_always
from enrollment.domain.reported import (
    COLUMNS,
    FactKind,
    KnownFact,
    Reported,
    Verdict,
    judged,
    judged_death,
    read_reported,
)
from enrollment.storage import imports, marks, persons, reports
from enrollment.storage.identities import Identities
from enrollment.storage.report_tables import fact_import
from enrollment.usecases.circumstances import HARDSHIP, HOSPITAL_STAY, OTHER_BENEFIT, Circumstance
from enrollment.usecases.telling import tell

ERRORS_SHOWN_MAX = 100  # the error file has them all
SORTS: dict[FactKind, Circumstance[Any]] = {
    "other_benefits": OTHER_BENEFIT,
    "hospital_stays": HOSPITAL_STAY,
    "hardship": HARDSHIP,
}
_UNKNOWN = "本统筹区没有该公民身份号码的参保人，或不在您的权限范围内"


@dataclass(frozen=True, slots=True)
class FactError:
    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class FactImportView:
    """What a file came to: recorded, known already, left to a clerk, refused; the first hundred errors."""

    import_id: UUID
    kind: str
    choice: str
    rows: int
    recorded: int
    unchanged: int
    conflicts: int
    rejected: int
    errors: Sequence[FactError]


Good = tuple[int, Reported]
Judged = tuple[Row[Any], Reported, Verdict]


@dataclass(slots=True)
class _Plan:
    new: list[tuple[Row[Any], Reported, UUID]] = field(default_factory=list)
    ends: dict[UUID, tuple[Row[Any], date | None]] = field(default_factory=dict)
    clashes: list[Judged] = field(default_factory=list)
    unchanged: int = 0
    errors: list[FieldError] = field(default_factory=list)

    @property
    def recorded(self) -> int:
        return len(self.new) + len(self.ends)


class Reports:
    """Files of other bureaus (外部门数据批量导入)."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def load(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        content: bytes,
        pool: str,
        kind: FactKind,
        choice: Literal["all", "good"],
    ) -> FactImportView:
        """Record a file's good rows; with `choice` all, nothing where a row is bad."""
        if pool not in pools() or not any(pool[:4] == part.region_prefix[:4] for part in caller.scope.parts):
            raise NotFound(f"没有统筹区 {pool}，或不在您的权限范围内。")
        today = day_of(self._database.clock.now())
        file = await asyncio.to_thread(read_bulk, content, COLUMNS[kind])
        good, errors = _read(file, kind, today)
        async with self._database.change(asked) as tx:
            await imports.take_turns(tx.connection, pool)
            import_id = new_id()
            plan = _Plan()
            for first in range(0, len(good), ROWS_PER_STATEMENT):
                await self._judge(tx, plan, good[first : first + ROWS_PER_STATEMENT], pool, kind, caller)
            errors = sorted((*errors, *plan.errors), key=lambda error: error.line or 0)
            loads = choice == "good" or not errors
            counted = {
                "rows": file.rows.height,
                "recorded": plan.recorded if loads else 0,
                "unchanged": plan.unchanged,
                "conflicts": len(plan.clashes) if loads else 0,
                "rejected": len({error.line for error in errors}),
            }
            told: dict[str, Any] = {"id": import_id, "pool": pool, "kind": kind, "choice": choice, **counted}
            sealed = self._sealed(import_id, file, errors)
            whose = {"imported_by": caller.subject, "imported_at": tx.now, "error_file": sealed}
            await reports.add_import(tx.connection, {**told, **whose})
            if loads:
                await self._write(tx, plan, kind, today)
                await reports.add_conflicts(
                    tx.connection, [_conflict(import_id, pool, kind, *each) for each in plan.clashes]
                )
            tx.record(AuditEntry("facts.imported", "fact_import", import_id, after=told))
            return tx.answer(_view(told, errors))

    async def error_file(self, *, caller: Caller, import_id: UUID) -> bytes:
        """The bad rows with their reasons, for whoever sent the file."""
        async with self._database.read() as connection:
            row = await reports.get_import(connection, import_id, caller.subject)
        if row is None or row.error_file is None:
            raise NotFound("没有这次导入的错误文件，或不是由您提交的。")
        return self._identities.open(row.id, "error_file", row.error_file, table=fact_import.name).encode("utf-8-sig")

    def _sealed(self, import_id: UUID, file: BulkFile, errors: Sequence[FieldError]) -> bytes | None:
        if not errors:
            return None
        own = [error for error in errors if error not in file.errors]
        content = error_file(file, own, form="csv").decode("utf-8-sig")
        return self._identities.seal(import_id, "error_file", content, table=fact_import.name)

    async def _judge(
        self, tx: Transaction, plan: _Plan, rows: Sequence[Good], pool: str, kind: FactKind, caller: Caller
    ) -> None:
        digests = {line: self._identities.candidates(told.number) for line, told in rows if told.number}
        found = await persons.known(tx.connection, [pool], [each for some in digests.values() for each in some])
        survivors = await persons.stand_ins(tx.connection, found)
        known = {
            row.resident_number_index: person
            for row in found
            if caller.scope.covers(pool=pool, county=(person := survivors.get(row.id, row)).county)
        }
        table = SORTS["hospital_stays" if kind == "deaths" else kind].table
        facts = await reports.known_facts(tx.connection, table, {row.id for row in known.values()})
        died: dict[UUID, date] = {}
        for line, told in rows:
            row = next((known[digest] for digest in digests[line] if digest in known), None)
            if row is None:
                plan.errors.append(FieldError("resident_number", _UNKNOWN, line))
                continue
            if kind == "deaths":
                verdict = judged_death(died_on=told.start, known=died.get(row.id, row.died_on), stays=facts[row.id])
                if verdict.outcome == "new":
                    died[row.id] = told.start
            else:
                always = held_always(marks=row.marks, dated=facts[row.id]) if kind == "hardship" else ()
                verdict = judged(told=told, known=facts[row.id], died_on=row.died_on, always=always)
            _keep(plan, row, told, verdict, facts)

    async def _write(self, tx: Transaction, plan: _Plan, kind: FactKind, today: date) -> None:
        if kind == "deaths":
            died_on = {row.id: told.start for row, told, _ in plan.new}
            await reports.set_deaths(tx.connection, died_on)
            await tell(tx, dict.fromkeys(died_on, PersonDied))
            tx.record(
                *(AuditEntry("person.died", "person", who, after={"died_on": day}) for who, day in died_on.items())
            )
            return
        await record_facts(tx, SORTS[kind], [(row, told, fact_id) for row, told, fact_id in plan.new])
        await end_facts(tx, SORTS[kind], plan.ends)
        if kind == "hardship":
            touched = {row.id for row, *_ in plan.new} | {row.id for row, _ in plan.ends.values()}
            await marks.set_marks_of_day(tx.connection, touched, today=today)


async def record_facts(
    tx: Transaction, sort: Circumstance[Any], facts: Sequence[tuple[Row[Any], Reported, UUID]]
) -> None:
    """Store what was reported of persons whose rows are locked, and tell it."""
    rows = [
        {
            "id": fact_id,
            "person_id": row.id,
            "kind": told.kind,
            "start": told.start,
            "end": told.end,
            "reference": told.reference,
            "void_reason": None,
            "revision": 1,
        }
        for row, told, fact_id in facts
    ]
    await insert_rows(tx.connection, sort.table, rows)
    for (owner, *_), each in zip(facts, rows, strict=True):
        tx.emit(sort.recorded.model_validate({**each, sort.id_name: each["id"], "pool": owner.pool}))
        tx.record(AuditEntry(sort.recorded.TYPE, sort.table.name, each["id"], after=each))


async def end_facts(tx: Transaction, sort: Circumstance[Any], ends: dict[UUID, tuple[Row[Any], date | None]]) -> None:
    """Set the last days that were reported, and tell them."""
    for row in await reports.end_facts(tx.connection, sort.table, {each: end for each, (_, end) in ends.items()}):
        told = {**row._asdict(), sort.id_name: row.id, "pool": ends[row.id][0].pool}
        tx.emit(sort.ended.model_validate(told))
        tx.record(AuditEntry(sort.ended.TYPE, sort.table.name, row.id, after={"end": row.end}))


def _read(file: BulkFile, kind: FactKind, today: date) -> tuple[list[Good], list[FieldError]]:
    unreadable = {error.line for error in file.errors}
    errors = list(file.errors)
    good: list[Good] = []
    for row in file.rows.iter_rows(named=True):
        if row[LINE] in unreadable:
            continue
        told = read_reported(row, kind=kind, today=today, line=row[LINE])
        if isinstance(told, Reported):
            good.append((row[LINE], told))
        else:
            errors += told
    return good, errors


def _keep(
    plan: _Plan, row: Row[Any], told: Reported, verdict: Verdict, facts: defaultdict[UUID, list[KnownFact]]
) -> None:
    """Put a verdict into the plan; what a file says twice is known the second time."""
    if verdict.outcome == "same":
        plan.unchanged += 1
    elif verdict.outcome == "clash":
        plan.clashes.append((row, told, verdict))
    elif verdict.ends is not None:
        plan.ends[verdict.ends] = (row, told.end)
        days = DateRange(told.start, told.end)
        facts[row.id] = [
            KnownFact(id=each.id, kind=each.kind, days=days) if each.id == verdict.ends else each
            for each in facts[row.id]
        ]
    else:
        fact_id = new_id()
        plan.new.append((row, told, fact_id))
        facts[row.id].append(KnownFact(id=fact_id, kind=told.kind, days=DateRange(told.start, told.end)))


def _conflict(
    import_id: UUID, pool: str, kind: FactKind, row: Row[Any], told: Reported, verdict: Verdict
) -> dict[str, Any]:
    proposed = {
        "kind": told.kind,
        "start": str(told.start),
        "end": told.end and str(told.end),
        "reference": told.reference,
    }
    return {
        "id": new_id(),
        "import_id": import_id,
        "pool": pool,
        "county": row.county,
        "person_id": row.id,
        "kind": kind,
        "clash": verdict.clash,
        "proposed": proposed,
        "known": [str(each) for each in verdict.known],
        "status": "open",
    }


def _view(told: dict[str, Any], errors: Sequence[FieldError]) -> FactImportView:
    counts = {each: told[each] for each in FactImportView.__dataclass_fields__ if each in told}
    shown = [FactError(error.line or 0, error.field, error.reason) for error in errors[:ERRORS_SHOWN_MAX]]
    return FactImportView(import_id=told["id"], **counts, errors=shown)
