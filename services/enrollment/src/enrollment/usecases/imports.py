"""A file of persons is loaded in a few statements: all good rows or none, and sent again it changes nothing."""

import asyncio
import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

import polars as pl
from changhu_common.bulk_files import LINE, BulkFile, InvalidFile, error_file, read_bulk
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import Conflict, FieldError, NotFound
from changhu_common.events.enrollment import CoverageEnded, CoveragePeriod, PersonEnrolled, PersonUpdated
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_common.rows import ROWS_PER_STATEMENT
from sqlalchemy import Row

from enrollment.domain.amendment import NOTHING, Amendment, KnownCoverage, KnownPerson, amendment
from enrollment.domain.file_rows import COLUMNS, read_row
from enrollment.domain.registration import Registration, Territory
from enrollment.storage import imports, persons
from enrollment.storage.identities import Identities, masked_cells
from enrollment.storage.tables import rejected_row
from enrollment.usecases.persons import audited, first_base, new_coverage, new_person
from enrollment.usecases.telling import tell
from enrollment.usecases.territories import territory_of

Choice = Literal["all", "good"]
ERRORS_SHOWN_MAX = 100  # the error file has them all
ZIP_START = b"PK"
COUNTED = ("choice", "rows", "loaded", "unchanged", "rejected")


class ImportRaced(Conflict):
    """Somebody registered one of the persons while the file was being loaded."""

    code = "import.raced"
    title = "文件中的人员刚刚被登记"


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell, or with a whole row (`field` empty)."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import as it ended: `loaded` rows are new or changed something, `errors` are the first hundred."""

    import_id: UUID
    choice: str
    rows: int
    loaded: int
    unchanged: int
    rejected: int
    errors: Sequence[RowError]


@dataclass(frozen=True, slots=True)
class GoodRow:
    """A row without a fault of its own, with the digests under which its person may be known."""

    line: int
    entered: Registration
    candidates: Sequence[bytes]


@dataclass(slots=True)
class Reading:
    """What a file says: its good rows, and what is wrong with the others."""

    file: BulkFile
    good: list[GoodRow]
    errors: list[FieldError]

    def cells(self, lines: Collection[int]) -> list[dict[str, Any]]:
        """These lines as they stand in the file, in order."""
        return self.file.rows.filter(pl.col(LINE).is_in(list(lines))).to_dicts()


@dataclass(slots=True)
class Plan:
    """What the good rows come to beside what is known already."""

    new: list[GoodRow] = field(default_factory=list)
    amended: list[tuple[GoodRow, Row[Any], Amendment]] = field(default_factory=list)
    unchanged: int = 0
    errors: list[FieldError] = field(default_factory=list)


def _chunks(rows: Sequence[GoodRow]) -> Iterator[Sequence[GoodRow]]:
    for first in range(0, len(rows), ROWS_PER_STATEMENT):
        yield rows[first : first + ROWS_PER_STATEMENT]


class Imports:
    """Persons from files (批量导入)."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def load(
        self, *, caller: Caller, asked: AskedChange, content: bytes, form: str, choice: Choice
    ) -> ImportView:
        """Load a file's good rows; with `choice` all, nothing where a row is bad."""
        if content.startswith(ZIP_START) is not (form in ("xlsx", "zip")):
            raise InvalidFile(f"文件内容不是 {form.upper()}；请核对所选格式后重新上传")
        async with self._database.read() as connection:
            today = day_of(self._database.clock.now())
            territory = await territory_of(connection, caller.scope, today=today)
        if not territory.packs:
            raise NotFound("您的权限范围内没有统筹区。")
        # Hundreds of thousands of rows are read beside the other requests, not before them.
        reading = await asyncio.to_thread(self._read, content, territory)
        region = min(pack.pool for pack in territory.packs.values())
        async with self._database.change(asked) as tx:
            await imports.take_turns(tx.connection, region)
            plan = await self._plan(tx, reading.good, today=today)
            errors = sorted((*reading.errors, *plan.errors), key=lambda error: error.line or 0)
            loaded = 0
            import_id = new_id()
            if choice == "good" or not errors:
                await self._add(tx, plan.new, import_id)
                await self._amend(tx, plan.amended, import_id, today=today)
                loaded = len(plan.new) + len(plan.amended)
            by_line = {
                line: [error.as_json() for error in of_line]
                for line, of_line in itertools.groupby(errors, key=lambda error: error.line or 0)
            }
            view = ImportView(
                import_id=import_id,
                choice=choice,
                rows=reading.file.rows.height,
                loaded=loaded,
                unchanged=plan.unchanged,
                rejected=len(by_line),
                errors=_shown(errors),
            )
            counted = {each: getattr(view, each) for each in COUNTED}
            whose = {"region": region, "imported_by": asked.actor.subject, "imported_at": tx.now}
            await imports.add(tx.connection, {"id": import_id, **whose, **counted})
            await imports.add_rejected(tx.connection, self._identities, import_id, reading.cells(by_line), by_line)
            tx.record(AuditEntry("persons.imported", "person_import", import_id, after=counted))
            return tx.answer(view)

    def _read(self, content: bytes, territory: Territory) -> Reading:
        file = read_bulk(content, COLUMNS)
        unreadable = {error.line for error in file.errors}
        errors = list(file.errors)
        good: list[GoodRow] = []
        first_line_of: dict[str | None, int] = {None: 0}
        for row in file.rows.iter_rows(named=True):
            line = row[LINE]
            # What was found wrong in reading a row is the reason of what else is wrong with it.
            if line in unreadable:
                continue
            entered, faults = read_row(row, territory, line=line)
            number = row["resident_number"]
            if first_line_of.setdefault(number and number.upper(), line) not in (line, 0):
                first = first_line_of[number.upper()]
                faults.append(FieldError("resident_number", f"与第 {first} 行是同一人", line))
            elif entered is not None:
                good.append(GoodRow(line, entered, self._identities.candidates(entered.resident_number)))
            errors += faults
        # Everybody who adds persons at the same time meets them in the same order.
        good.sort(key=lambda each: each.candidates[0])
        return Reading(file=file, good=good, errors=errors)

    async def _plan(self, tx: Transaction, good: Sequence[GoodRow], *, today: date) -> Plan:
        plan = Plan()
        for chunk in _chunks(good):
            pools = {each.entered.pool for each in chunk}
            digests = [digest for each in chunk for digest in each.candidates]
            known = {
                (row.pool, row.resident_number_index): row for row in await persons.known(tx.connection, pools, digests)
            }
            insured = await persons.insurance(tx.connection, [row.id for row in known.values()])
            for each in chunk:
                row = next((known[key] for d in each.candidates if (key := (each.entered.pool, d)) in known), None)
                if row is None:
                    plan.new.append(each)
                    continue
                found = amendment(entered=each.entered, known=self._known(row, insured[row.id], today))
                if isinstance(found, FieldError):
                    plan.errors.append(FieldError(found.field, found.reason, each.line))
                elif found == NOTHING:
                    plan.unchanged += 1
                else:
                    plan.amended.append((each, row, found))
        return plan

    def _known(self, row: Row[Any], insured: persons.Insurance, today: date) -> KnownPerson:
        return KnownPerson(
            name=self._identities.name(row),
            county=row.county,
            marks=row.marks,
            died=row.died_on is not None,
            coverage=[
                KnownCoverage(
                    id=each.id,
                    category=each.category,
                    start=each.start,
                    end=each.end,
                    base_fen=_base_on(max(today, each.start), each.id, insured),
                )
                for each in insured.coverage
            ],
        )

    async def _add(self, tx: Transaction, new: Sequence[GoodRow], import_id: UUID) -> None:
        for chunk in _chunks(new):
            ids = [(new_id(), new_id()) for _ in chunk]
            made = [(each.entered, *pair) for each, pair in zip(chunk, ids, strict=True)]
            rows = await asyncio.to_thread(self._sealed, made)
            if len(await persons.add(tx.connection, rows)) < len(rows):
                raise ImportRaced("文件中有人员刚刚由他人登记；请用新的幂等键重新提交，已登记的不会重复。")
            await persons.add_coverage(tx.connection, [new_coverage(*each) for each in made])
            bases = [base for entered, _, coverage_id in made for base in first_base(entered, coverage_id)]
            await persons.set_bases(tx.connection, bases)
            tx.emit(*(_enrolled(*each) for each in made))
            tx.record(
                *(
                    AuditEntry("person.enrolled", "person", who, after=audited(entered, import_id=str(import_id)))
                    for entered, who, _ in made
                )
            )
            await tx.flush()

    def _sealed(self, made: Sequence[tuple[Registration, UUID, UUID]]) -> list[dict[str, Any]]:
        return [new_person(entered, self._identities, person_id) for entered, person_id, _ in made]

    async def _amend(
        self, tx: Transaction, amended: Sequence[tuple[GoodRow, Row[Any], Amendment]], import_id: UUID, *, today: date
    ) -> None:
        coverage: list[dict[str, Any]] = []
        bases: list[dict[str, Any]] = []
        ends: dict[UUID, date] = {}
        marks: dict[UUID, Sequence[str]] = {}
        told: dict[UUID, type[PersonUpdated | CoverageEnded]] = {}
        for good, row, change in amended:
            if change.adds_coverage:
                coverage.append(new_coverage(good.entered, row.id, new_id()))
                bases += first_base(good.entered, coverage[-1]["id"])
            if change.ends is not None and good.entered.end is not None:
                ends[change.ends] = good.entered.end
            if change.sets_base is not None:
                since = max(today, good.entered.start).replace(day=1)
                bases.append({"coverage_id": change.sets_base, "since": since, "base_fen": good.entered.base_fen})
            if change.marks is not None:
                marks[row.id] = change.marks
            if change.changes_insurance:
                told[row.id] = CoverageEnded if change.ends is not None else PersonUpdated
            after = audited(good.entered, import_id=str(import_id))
            tx.record(AuditEntry("person.amended", "person", row.id, before={"marks": row.marks}, after=after))
        await persons.add_coverage(tx.connection, coverage)
        await persons.end_coverages(tx.connection, ends)
        await persons.set_bases(tx.connection, bases)
        await persons.set_marks(tx.connection, marks)
        await tell(tx, told)

    async def get(self, *, caller: Caller, import_id: UUID) -> ImportView:
        async with self._database.read() as connection:
            row = await imports.get(connection, import_id, caller)
            if row is None:
                raise _unknown()
            rejected = await imports.rejected(connection, import_id, limit=ERRORS_SHOWN_MAX)
        return ImportView(
            import_id=row.id,
            choice=row.choice,
            rows=row.rows,
            loaded=row.loaded,
            unchanged=row.unchanged,
            rejected=row.rejected,
            errors=_shown([FieldError(**error) for each in rejected for error in each.errors]),
        )

    async def error_file(self, *, caller: Caller, import_id: UUID, form: Literal["xlsx", "csv"]) -> bytes:
        """The bad rows with their reasons: whole for whoever sent them, masked for others."""
        async with self._database.read() as connection:
            found = await imports.get(connection, import_id, caller)
            if found is None:
                raise _unknown()
            rejected = await imports.rejected(connection, import_id)
        errors = tuple(FieldError(**error) for each in rejected for error in each.errors)
        own = found.imported_by == caller.subject
        lines = []
        for each in rejected:
            cells = json.loads(self._identities.open(each.id, imports.CELLS, each.cells, table=rejected_row.name))
            lines.append(cells if own else masked_cells(cells))
        schema = {LINE: pl.Int64, **{column.name: pl.String for column in COLUMNS}}
        return error_file(BulkFile(COLUMNS, pl.DataFrame(lines, schema=schema), errors), form=form)


def _base_on(day: date, coverage_id: UUID, insured: persons.Insurance) -> int | None:
    bases = [base.base_fen for base in insured.bases if base.coverage_id == coverage_id and base.since <= day]
    return bases[-1] if bases else None


def _enrolled(entered: Registration, person_id: UUID, coverage_id: UUID) -> PersonEnrolled:
    period = CoveragePeriod(coverage_id=coverage_id, category=entered.category, start=entered.start, end=entered.end)
    return PersonEnrolled(person_id=person_id, pool=entered.pool, county=entered.county, revision=1, coverage=(period,))


def _shown(errors: Sequence[FieldError]) -> list[RowError]:
    return [
        RowError(line=error.line or 0, field=error.field, reason=error.reason) for error in errors[:ERRORS_SHOWN_MAX]
    ]


def _unknown() -> NotFound:
    return NotFound("没有这次导入，或不在您的权限范围内。")
