"""What a person is insured for changes under the lock of the person's row, and is told as a whole."""

from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import Conflict, FieldError, NotFound
from changhu_common.events.enrollment import (
    CoverageEnded,
    CoverageResumed,
    CoverageSuspended,
    PersonDied,
    PersonState,
    PersonTransferredIn,
    PersonTransferredOut,
    PersonUpdated,
)
from changhu_common.ids import new_id
from changhu_common.periods import DateRange, Month, day_of
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from psycopg.errors import ExclusionViolation
from sqlalchemy import Row, Table, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import COVERAGE_RULES, Claim, PeriodInvalid, faults_of, refuse
from enrollment.domain.transfer import months_insured
from enrollment.domain.transfer_money import TAKE_BACK_FIRST, CoverageHasMoney
from enrollment.storage import families, persons, transfer_money, versions
from enrollment.storage.identities import Identities
from enrollment.storage.tables import coverage, person, suspension
from enrollment.usecases.families import NamedGuardian, name_guardian
from enrollment.usecases.persons import Persons, PersonView
from enrollment.usecases.telling import tell
from enrollment.usecases.territories import territory_of
from enrollment.usecases.transfers import Origin, TransferView, keep_transfer


class CoverageOverlaps(Conflict):
    """On one day a person is insured in one category."""

    code = "coverage.overlaps"
    title = "参保期间重叠"


class SuspensionOverlaps(Conflict):
    """Benefits are suspended once for the same days."""

    code = "suspension.overlaps"
    title = "暂停期间重叠"


class PersonDead(Conflict):
    """Nothing is registered for a person after the death."""

    code = "person.dead"
    title = "该人员已登记死亡"


OVERLAPS: dict[str, tuple[type[Conflict], str]] = {
    coverage.name: (CoverageOverlaps, "该人员在这些日期已经参保；请先办理原参保的停保，或更正日期。"),
    suspension.name: (SuspensionOverlaps, "该人员在这些日期已经暂停待遇；请核对日期。"),
}


class Coverages:
    """Coverage (参保), suspension (暂停待遇) and death of a person."""

    def __init__(self, database: Database, persons: Persons, identities: Identities) -> None:
        self._database = database
        self._persons = persons
        self._identities = identities

    async def add(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        person_id: UUID,
        category: str,
        start: date,
        end: date | None,
        base_fen: int | None,
        guardian: NamedGuardian | None = None,
        origin: Origin | None = None,
    ) -> PersonView:
        """Insure a person in one more category or period; `origin` is the pool that the person comes from."""
        async with self._database.change(asked) as tx:
            row = await _living(tx.connection, person_id, caller)
            claim = Claim(
                name="",
                resident_number=self._identities.open(row.id, "resident_number", row.resident_number),
                county=row.county,
                category=category,
                start=start,
                end=end,
                base_fen=base_fen,
                marks=tuple(row.marks),
                guarded=guardian is not None or bool(await families.guardians_of(tx.connection, person_id)),
            )
            territory = await territory_of(tx.connection, caller.scope, today=day_of(tx.now))
            refuse(faults_of(claim, territory, COVERAGE_RULES))
            if guardian is not None:
                await name_guardian(tx, caller=caller, ward=row, named=guardian, since=start)
            coverage_id = new_id()
            await _write(
                tx.connection,
                coverage,
                {
                    "id": coverage_id,
                    "pool": row.pool,
                    "person_id": person_id,
                    "category": category,
                    "start": start,
                    "end": end,
                    "recognised_months": origin.recognised_months if origin else None,
                },
            )
            if base_fen is not None:
                base = {"coverage_id": coverage_id, "since": start.replace(day=1), "base_fen": base_fen}
                await persons.set_bases(tx.connection, [base])
            after = {"category": category, "start": start, "end": end, "base_fen": base_fen, "person_id": person_id}
            tx.record(AuditEntry("coverage.added", "coverage", coverage_id, after=after))
            if origin is None:
                return await self._told(tx, PersonUpdated, person_id, caller)
            await keep_transfer(
                tx,
                row,
                coverage_id=coverage_id,
                direction="in",
                other_pool=origin.pool,
                day=start,
                months=origin.recognised_months,
                reference=origin.reference,
            )
            return await self._told(tx, PersonTransferredIn, person_id, caller)

    async def leave(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        person_id: UUID,
        coverage_id: UUID,
        end: date,
        other_pool: str,
        reference: str,
    ) -> TransferView:
        """End a coverage because the person goes to another pool (转出), and say how many months to recognise there."""
        async with self._database.change(asked) as tx:
            row = await persons.lock(tx.connection, person_id, caller.scope)
            if await transfer_money.of_coverage(tx.connection, coverage_id, direction="out"):
                raise CoverageHasMoney(f"该参保已转出并有转移资金，不能再次转出；{TAKE_BACK_FIRST}")
            await self._end(tx, coverage, person_id, coverage_id, end)
            insured = (await persons.insurance(tx.connection, [person_id]))[person_id]
            months = months_insured(
                [(DateRange(each.start, each.end), each.recognised_months or 0) for each in insured.coverage], until=end
            )
            transfer_id = await keep_transfer(
                tx,
                row,
                coverage_id=coverage_id,
                direction="out",
                other_pool=other_pool,
                day=end,
                months=months,
                reference=reference,
            )
            await tell(tx, {person_id: PersonTransferredOut})
            view = TransferView(transfer_id, person_id, coverage_id, "out", other_pool, end, months, reference)
            return tx.answer(view)

    async def end(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, coverage_id: UUID, end: date
    ) -> PersonView:
        """End a coverage (停保), or correct the day on which it ended."""
        async with self._database.change(asked) as tx:
            await persons.lock(tx.connection, person_id, caller.scope)
            await self._end(tx, coverage, person_id, coverage_id, end)
            return await self._told(tx, CoverageEnded, person_id, caller)

    async def set_base(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        person_id: UUID,
        coverage_id: UUID,
        since: Month,
        base_fen: int,
    ) -> PersonView:
        """Set what a coverage's contributions are counted on, from a month on (缴费基数)."""
        async with self._database.change(asked) as tx:
            await persons.lock(tx.connection, person_id, caller.scope)
            await _part(tx.connection, coverage, person_id, coverage_id)
            base = {"coverage_id": coverage_id, "since": since.first, "base_fen": base_fen}
            await persons.set_bases(tx.connection, [base])
            tx.record(AuditEntry("contribution_base.set", "coverage", coverage_id, after=base))
            return tx.answer(await self._persons.view_of(tx.connection, person_id, caller))

    async def suspend(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, start: date, end: date | None, reason: str
    ) -> PersonView:
        """Suspend a person's benefits, for arrears (欠费) for example."""
        async with self._database.change(asked) as tx:
            await _living(tx.connection, person_id, caller)
            _check_order(start, end)
            row: dict[str, Any] = {"id": new_id(), "person_id": person_id, "start": start, "end": end, "reason": reason}
            await _write(tx.connection, suspension, row)
            tx.record(AuditEntry("coverage.suspended", "suspension", row["id"], after=row))
            return await self._told(tx, CoverageSuspended, person_id, caller)

    async def resume(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, suspension_id: UUID, end: date
    ) -> PersonView:
        """Let benefits go on after the last suspended day."""
        async with self._database.change(asked) as tx:
            await persons.lock(tx.connection, person_id, caller.scope)
            await self._end(tx, suspension, person_id, suspension_id, end)
            return await self._told(tx, CoverageResumed, person_id, caller)

    async def die(self, *, caller: Caller, asked: AskedChange, person_id: UUID, died_on: date) -> PersonView:
        """Register a death. The coverage stands as it was; what comes after the day counts for nobody."""
        async with self._database.change(asked) as tx:
            await _living(tx.connection, person_id, caller)
            if died_on > day_of(tx.now):
                raise PeriodInvalid("死亡日期晚于今天，请核对。", errors=[FieldError("died_on", "晚于今天")])
            await tx.connection.execute(update(person).where(person.c.id == person_id).values(died_on=died_on))
            tx.record(AuditEntry("person.died", "person", person_id, after={"died_on": died_on}))
            return await self._told(tx, PersonDied, person_id, caller)

    async def live(self, *, caller: Caller, asked: AskedChange, person_id: UUID, reason: str) -> PersonView:
        """Take back a death that was registered by mistake."""
        async with self._database.change(asked) as tx:
            row = await persons.lock(tx.connection, person_id, caller.scope)
            if row.died_on is None:
                raise NotFound("该人员没有死亡登记。")
            await versions.give_reason(tx.connection, reason)
            await tx.connection.execute(update(person).where(person.c.id == person_id).values(died_on=None))
            before, after = {"died_on": row.died_on}, {"died_on": None, "reason": reason}
            tx.record(AuditEntry("person.death_voided", "person", person_id, before=before, after=after))
            return await self._told(tx, PersonUpdated, person_id, caller)

    async def void(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, coverage_id: UUID, reason: str
    ) -> PersonView:
        """Take out a coverage that should never have been; what was due for it is for a correction to credit."""
        async with self._database.change(asked) as tx:
            await persons.lock(tx.connection, person_id, caller.scope)
            before = await _part(tx.connection, coverage, person_id, coverage_id)
            if await transfer_money.of_coverage(tx.connection, coverage_id):
                raise CoverageHasMoney(f"该参保有转移资金，不能撤销；{TAKE_BACK_FIRST}")
            await versions.give_reason(tx.connection, reason)
            await versions.take_out_coverage(tx.connection, coverage_id)
            kept = {"category": before.category, "start": before.start, "end": before.end, "person_id": person_id}
            after = {"reason": reason}
            tx.record(AuditEntry("coverage.voided", "coverage", coverage_id, before=kept, after=after))
            return await self._told(tx, PersonUpdated, person_id, caller)

    async def void_suspension(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, suspension_id: UUID, reason: str
    ) -> PersonView:
        """Take out a suspension that should never have been."""
        async with self._database.change(asked) as tx:
            await persons.lock(tx.connection, person_id, caller.scope)
            before = await _part(tx.connection, suspension, person_id, suspension_id)
            await versions.give_reason(tx.connection, reason)
            await tx.connection.execute(delete(suspension).where(suspension.c.id == suspension_id))
            kept = {"start": before.start, "end": before.end, "reason": before.reason, "person_id": person_id}
            after = {"reason": reason}
            tx.record(AuditEntry("suspension.voided", "suspension", suspension_id, before=kept, after=after))
            return await self._told(tx, CoverageResumed, person_id, caller)

    async def _end(self, tx: Transaction, table: Table, person_id: UUID, part_id: UUID, end: date) -> None:
        before = await _part(tx.connection, table, person_id, part_id)
        _check_order(before.start, end)
        try:
            await tx.connection.execute(update(table).where(table.c.id == part_id).values(end=end))
        except IntegrityError as error:
            raise _overlap(error, table) from error
        tx.record(
            AuditEntry(f"{table.name}.ended", table.name, part_id, before={"end": before.end}, after={"end": end})
        )

    async def _told(self, tx: Transaction, event: type[PersonState], person_id: UUID, caller: Caller) -> PersonView:
        await tell(tx, {person_id: event})
        return tx.answer(await self._persons.view_of(tx.connection, person_id, caller))


async def _living(connection: AsyncConnection, person_id: UUID, caller: Caller) -> Row[Any]:
    row = await persons.lock(connection, person_id, caller.scope)
    if row.died_on is not None:
        raise PersonDead("该人员已登记死亡，不能再办理；登记有误的请先更正。")
    return row


async def _part(connection: AsyncConnection, table: Table, person_id: UUID, part_id: UUID) -> Row[Any]:
    """A coverage or suspension of a person whose row is locked."""
    found = await connection.execute(select(table).where(table.c.id == part_id, table.c.person_id == person_id))
    row = found.one_or_none()
    if row is None:
        raise NotFound("该人员没有这条记录。")
    return row


async def _write(connection: AsyncConnection, table: Table, row: dict[str, Any]) -> None:
    try:
        await insert_rows(connection, table, [row])
    except IntegrityError as error:
        raise _overlap(error, table) from error


def _overlap(error: IntegrityError, table: Table) -> Exception:
    if not isinstance(error.orig, ExclusionViolation):
        return error
    refusal, detail = OVERLAPS[table.name]
    return refusal(detail)


def _check_order(start: date, end: date | None) -> None:
    if end is not None and end < start:
        raise PeriodInvalid("截止日期早于起始日期，请核对。", errors=[FieldError("end", "早于起始日期")])
