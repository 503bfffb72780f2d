"""What a checked file comes to beside what is known: persons added, persons amended, and what changes nothing.

A pool's first load is written into tables of its own and indexed at its end; every later one is first
compared as a whole, so that only what it changes is looked at one by one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeVar
from uuid import UUID

import polars as pl
from changhu_common.database import AuditEntry, Transaction
from changhu_common.errors import Conflict, FieldError
from changhu_common.events.cloudevents import encode
from changhu_common.events.enrollment import CoverageEnded, CoveragePeriod, PersonEnrolled, PersonUpdated
from changhu_common.events.registry import Envelope
from changhu_common.ids import new_id
from changhu_common.rows import ROWS_PER_STATEMENT
from changhu_common.tracing import current_traceparent
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from enrollment.domain.amendment import NOTHING, Amendment, KnownCoverage, KnownPerson, amendment
from enrollment.domain.registration import Registration
from enrollment.domain.whole_file import GoodRow, WholeFile
from enrollment.storage import incoming, persons
from enrollment.storage.additions import COVERAGE, EVENT, PERSON, Additions, Destination, Position, Rows
from enrollment.storage.candidates import ask_to_look
from enrollment.storage.identities import Identities
from enrollment.usecases.marking import Marking, change_marks
from enrollment.usecases.persons import audited, first_base, new_coverage, unnamed_person
from enrollment.usecases.telling import tell

Choice = Literal["all", "good"]
Progress = Callable[[int], Awaitable[None]]
Made = TypeVar("Made")

# Fewer people are added faster beside the others than into tables that must be made and joined.
FIRST_LOAD_ROWS_MIN = 20_000
# Fewer rows are looked up faster one by one than compared as a whole.
COMPARED_ROWS_MIN = 5_000
# What is built in memory while the rows before it are on their way to the database.
ROWS_PER_COPY = 20_000


class ImportRaced(Conflict):
    """Somebody registered one of the persons while the file was being loaded."""

    code = "import.raced"
    title = "文件中的人员刚刚被登记"


class _NotAll(Exception):
    """A row cannot be taken, and the caller wants all or none."""


@dataclass(slots=True)
class Loaded:
    """What was done: rows that are new or changed something, rows that said nothing new, rows that cannot be taken."""

    loaded: int = 0
    unchanged: int = 0
    errors: list[FieldError] = field(default_factory=list)
    # Lines of wards among those that are new or changed something.
    wards: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Plan:
    """What some good rows come to beside what is known already."""

    new: list[GoodRow] = field(default_factory=list)
    amended: list[tuple[GoodRow, Row[Any], Amendment]] = field(default_factory=list)
    unchanged: int = 0
    errors: list[FieldError] = field(default_factory=list)


class Loading:
    """Loads one checked file in one transaction. `told` hears how many rows are written so far."""

    def __init__(
        self, tx: Transaction, identities: Identities, whole: WholeFile, *, import_id: UUID, today: date, told: Progress
    ) -> None:
        self._tx = tx
        self._identities = identities
        self._whole = whole
        self._import_id = import_id
        self._today = today
        self._told = told
        self._wards = frozenset(whole.wards["line"])

    async def load(self, choice: Choice) -> Loaded:
        """Load the good rows; with `choice` all, nothing where a row is bad."""
        dry = choice == "all" and bool(self._whole.errors)
        pools = {each.pool for each in self._whole.positions}
        for pool in sorted(pools):
            await ask_to_look(self._tx.connection, pool)
        try:
            if len(pools) == 1 and not dry and self._whole.good.height >= FIRST_LOAD_ROWS_MIN:
                (pool,) = pools
                destination = await incoming.begin_first_load(self._tx.connection, pool)
                if destination is not None:
                    bases = await self._add(self._whole.good, destination)
                    await incoming.finish_first_load(self._tx.connection, pool)
                    # A base names a coverage, which is known only now.
                    for each in bases:
                        await Additions.write(self._tx.connection, each)
                    return Loaded(loaded=self._whole.good.height)
            return await self._change(choice, dry=dry)
        except (UniqueViolation, CheckViolation, IntegrityError) as error:
            if not isinstance(getattr(error, "orig", error), UniqueViolation | CheckViolation):
                raise
            raise ImportRaced("文件中有人员刚刚由他人登记；请用新的幂等键重新提交，已登记的不会重复。") from error

    async def _change(self, choice: Choice, *, dry: bool) -> Loaded:
        """Compare with what is known and write the difference; undone where it cannot be all of it."""
        done = Loaded()
        rest = await self._unsaid()
        done.unchanged = self._whole.good.height - rest.height
        if dry:
            await self._step(done, rest, dry=True)
            return done
        try:
            with self._tx.undoing():
                async with self._tx.connection.begin_nested():
                    await self._step(done, rest, dry=False)
                    if choice == "all" and done.errors:
                        raise _NotAll
        except _NotAll:
            done.loaded = 0
        return done

    async def _step(self, done: Loaded, rest: pl.DataFrame, *, dry: bool) -> None:
        for chunk in rest.iter_slices(ROWS_PER_STATEMENT):
            plan = await self._plan(self._whole.rows(chunk))
            done.errors += plan.errors
            done.unchanged += plan.unchanged
            if dry:
                continue
            added = chunk.filter(pl.col("line").is_in([each.line for each in plan.new]))
            for bases in await self._add(added, Destination()):
                await Additions.write(self._tx.connection, bases)
            await self._amend(plan.amended)
            await self._tx.flush()
            written = [each.line for each in (*plan.new, *(good for good, *_ in plan.amended))]
            done.loaded += len(written)
            done.wards.update(self._wards.intersection(written))
            await self._told(done.loaded + done.unchanged)

    async def _unsaid(self) -> pl.DataFrame:
        """The good rows that say something new, in an order that is everybody's."""
        good, connection = self._whole.good, self._tx.connection
        if good.height > COMPARED_ROWS_MIN:
            rows = _ahead(lambda part: incoming.rows(self._identities, part), good)
            lines = await incoming.unsaid(connection, rows, self._whole.positions, today=self._today)
            good = good.filter(pl.col("line").is_in(pl.Series(lines, dtype=pl.Int64).implode()))
        return good.sort("number")

    # -- persons not known yet

    async def _add(self, rows: pl.DataFrame, destination: Destination) -> list[Rows]:
        """Write persons with all that is told of them; their bases are left to be written."""
        additions = Additions(self._identities, self._tx.spine, self._position, destination)
        bases: list[Rows] = []
        async for made, of_part in _ahead(additions.rows, rows):
            await additions.write(self._tx.connection, made)
            bases.append(of_part)
            await self._told(min(len(bases) * ROWS_PER_COPY, rows.height))
        return bases

    def _position(self, number: int) -> Position:
        """The rows that everybody registered alike shares."""
        entered, tx = self._whole.positions[number], self._tx
        event = _enrolled(entered, PERSON, COVERAGE)
        message = encode(
            Envelope(id=EVENT, source=tx.source, time=tx.now, event=event, traceparent=current_traceparent())
        )
        return Position(
            person=unnamed_person(entered, PERSON),
            coverage=new_coverage(entered, PERSON, COVERAGE),
            base={"coverage_id": COVERAGE, "since": entered.start.replace(day=1)},
            outbox={
                "event_id": EVENT,
                "topic": message.topic,
                "key": message.key,
                "headers": dict(message.headers),
                "value": message.value,
            },
            audit={
                "at": tx.now,
                "actor": tx.actor.subject,
                "origin": tx.actor.origin,
                "action": "person.enrolled",
                "subject": "person",
                "subject_id": str(PERSON),
                "after": audited(entered, import_id=str(self._import_id)),
            },
        )

    # -- persons known already

    async def _plan(self, good: Sequence[GoodRow]) -> Plan:
        plan, connection = Plan(), self._tx.connection
        candidates = {each.line: self._identities.candidates(each.entered.resident_number) for each in good}
        pools = {each.entered.pool for each in good}
        digests = [digest for of_row in candidates.values() for digest in of_row]
        known = {(row.pool, row.resident_number_index): row for row in await persons.known(connection, pools, digests)}
        # Under the number of a merged record its survivor is amended.
        survivors = await persons.stand_ins(connection, known.values())
        insured = await persons.insurance(connection, {survivors.get(row.id, row).id for row in known.values()})
        lines: dict[UUID, int] = {}
        for each in good:
            keys = ((each.entered.pool, digest) for digest in candidates[each.line])
            record = next((known[key] for key in keys if key in known), None)
            if record is None:
                plan.new.append(each)
                continue
            row = survivors.get(record.id, record)
            found = amendment(entered=each.entered, known=self._known(record, row, insured[row.id]))
            if (first := lines.setdefault(row.id, each.line)) != each.line:
                reason = f"与第 {first} 行是同一人（两条登记已合并）；请只报一行"
                plan.errors.append(FieldError("resident_number", reason, each.line))
            elif isinstance(found, FieldError):
                plan.errors.append(FieldError(found.field, found.reason, each.line))
            elif found == NOTHING:
                plan.unchanged += 1
            else:
                plan.amended.append((each, row, found))
        return plan

    def _known(self, record: Row[Any], row: Row[Any], insured: persons.Insurance) -> KnownPerson:
        """A person by the record that has the row's number, which has its name too."""
        return KnownPerson(
            name=self._identities.name(record),
            county=row.county,
            marks=row.marks,
            died=row.died_on is not None,
            coverage=[
                KnownCoverage(
                    id=each.id,
                    category=each.category,
                    start=each.start,
                    end=each.end,
                    base_fen=_base_on(max(self._today, each.start), each.id, insured),
                )
                for each in insured.coverage
            ],
        )

    async def _amend(self, amended: Sequence[tuple[GoodRow, Row[Any], Amendment]]) -> None:
        coverage: list[dict[str, Any]] = []
        bases: list[dict[str, Any]] = []
        ends: dict[UUID, date] = {}
        markings: list[Marking] = []
        told: dict[UUID, type[PersonUpdated | CoverageEnded]] = {}
        for good, row, change in amended:
            if change.adds_coverage:
                coverage.append(new_coverage(good.entered, row.id, new_id()))
                bases += first_base(good.entered, coverage[-1]["id"])
            if change.ends is not None and good.entered.end is not None:
                ends[change.ends] = good.entered.end
            since = max(self._today, good.entered.start).replace(day=1)
            if change.sets_base is not None:
                bases.append({"coverage_id": change.sets_base, "since": since, "base_fen": good.entered.base_fen})
            if change.marks is not None:
                markings.append(Marking(row, change.marks, since))
            if change.changes_insurance:
                told[row.id] = CoverageEnded if change.ends is not None else PersonUpdated
            after = audited(good.entered, import_id=str(self._import_id))
            self._tx.record(AuditEntry("person.amended", "person", row.id, before={"marks": row.marks}, after=after))
        connection = self._tx.connection
        await persons.add_coverage(connection, coverage)
        await persons.end_coverages(connection, ends)
        await persons.set_bases(connection, bases)
        await change_marks(self._tx, markings, reference=str(self._import_id))
        await tell(self._tx, told)


async def _ahead(made_of: Callable[[pl.DataFrame], Made], rows: pl.DataFrame) -> AsyncIterator[Made]:
    """What rows come to, part by part: while the database takes one, the next is digested and sealed."""
    ahead: asyncio.Task[Made] | None = None
    for part in rows.iter_slices(ROWS_PER_COPY):
        following = asyncio.create_task(asyncio.to_thread(made_of, part))
        if ahead is not None:
            yield await ahead
        ahead = following
    if ahead is not None:
        yield await ahead


def _base_on(day: date, coverage_id: UUID, insured: persons.Insurance) -> int | None:
    bases = [base.base_fen for base in insured.bases if base.coverage_id == coverage_id and base.since <= day]
    return bases[-1] if bases else None


def _enrolled(entered: Registration, person_id: UUID, coverage_id: UUID) -> PersonEnrolled:
    period = CoveragePeriod(coverage_id=coverage_id, category=entered.category, start=entered.start, end=entered.end)
    return PersonEnrolled(person_id=person_id, pool=entered.pool, county=entered.county, revision=1, coverage=(period,))
