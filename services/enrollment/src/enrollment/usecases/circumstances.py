"""Other benefits and hospital stays are recorded, ended and voided, each told under its own revision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import Conflict, FieldError, NotFound
from changhu_common.events import Event
from changhu_common.events.enrollment import (
    HardshipEnded,
    HardshipRecorded,
    HardshipVoided,
    HospitalStayEnded,
    HospitalStayRecorded,
    HospitalStayVoided,
    OtherBenefitEnded,
    OtherBenefitRecorded,
    OtherBenefitVoided,
)
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from changhu_policies.vocabulary import MARKS
from sqlalchemy import Row, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.marks import MarkWithoutDays, held_always
from enrollment.domain.registration import PeriodInvalid
from enrollment.storage import marks, persons, reports
from enrollment.storage.tables import hardship, hospital_stay, other_benefit

View = TypeVar("View")


class AlreadyVoid(Conflict):
    """What was recorded by mistake is voided once and never changed after."""

    code = "circumstance.void"
    title = "该记录已作废"


@dataclass(frozen=True, slots=True)
class BenefitView:
    """Another benefit (其他待遇) as it stands."""

    benefit_id: UUID
    person_id: UUID
    kind: str
    start: date
    end: date | None
    reference: str
    void_reason: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class StayView:
    """A stay in hospital (住院) as it stands."""

    stay_id: UUID
    person_id: UUID
    start: date
    end: date | None
    reference: str
    void_reason: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class HardshipView:
    """A mark (人员标识) that holds for some days, as it stands."""

    hardship_id: UUID
    person_id: UUID
    kind: str
    start: date
    end: date | None
    reference: str
    void_reason: str | None
    revision: int


def _facts(row: Row[Any]) -> tuple[date, date | None, str, str | None, int]:
    return row.start, row.end, row.reference, row.void_reason, row.revision


@dataclass(frozen=True, slots=True)
class Circumstance(Generic[View]):
    """One sort of circumstance: its table, the events that tell it, how it is shown."""

    table: Table
    recorded: type[Event]
    ended: type[Event]
    voided: type[Event]
    id_name: str
    view: Callable[[Row[Any]], View]


OTHER_BENEFIT = Circumstance(
    table=other_benefit,
    recorded=OtherBenefitRecorded,
    ended=OtherBenefitEnded,
    voided=OtherBenefitVoided,
    id_name="benefit_id",
    view=lambda row: BenefitView(row.id, row.person_id, row.kind, *_facts(row)),
)
HARDSHIP = Circumstance(
    table=hardship,
    recorded=HardshipRecorded,
    ended=HardshipEnded,
    voided=HardshipVoided,
    id_name="hardship_id",
    view=lambda row: HardshipView(row.id, row.person_id, row.kind, *_facts(row)),
)
HOSPITAL_STAY = Circumstance(
    table=hospital_stay,
    recorded=HospitalStayRecorded,
    ended=HospitalStayEnded,
    voided=HospitalStayVoided,
    id_name="stay_id",
    view=lambda row: StayView(row.id, row.person_id, *_facts(row)),
)


class Circumstances(Generic[View]):
    """One sort of circumstance of persons: 其他待遇, 住院."""

    def __init__(self, database: Database, sort: Circumstance[View]) -> None:
        self._database = database
        self._sort = sort

    async def record(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        person_id: UUID,
        kind: str | None,
        start: date,
        end: date | None,
        reference: str,
    ) -> View:
        async with self._database.change(asked) as tx:
            owner = await persons.lock(tx.connection, person_id, caller.scope)
            _check_order(start, end)
            if self._sort is HARDSHIP:
                await _refuse_always(tx.connection, owner, kind)
            row: dict[str, Any] = {
                "id": new_id(),
                "person_id": person_id,
                "kind": kind,
                "start": start,
                "end": end,
                "reference": reference,
                "void_reason": None,
                "revision": 1,
            }
            await insert_rows(tx.connection, self._sort.table, [row])
            return await self._told(tx, self._sort.recorded, owner, row["id"], before=None)

    async def end(self, *, caller: Caller, asked: AskedChange, circumstance_id: UUID, end: date) -> View:
        """Set the last day, or correct it."""
        async with self._database.change(asked) as tx:
            owner, before = await self._locked(tx, caller, circumstance_id)
            _check_order(before.start, end)
            return await self._changed(tx, self._sort.ended, owner, before, end=end)

    async def void(self, *, caller: Caller, asked: AskedChange, circumstance_id: UUID, reason: str) -> View:
        """Say that the record was a mistake; it stays readable with the reason."""
        async with self._database.change(asked) as tx:
            owner, before = await self._locked(tx, caller, circumstance_id)
            return await self._changed(tx, self._sort.voided, owner, before, void_reason=reason)

    async def of_person(self, *, caller: Caller, person_id: UUID) -> Sequence[View]:
        """Everything that was recorded, the voided ones with their reason, in order of days."""
        table = self._sort.table
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            rows = await connection.execute(
                select(table).where(table.c.person_id == person_id).order_by(table.c.start, table.c.id)
            )
            return [self._sort.view(row) for row in rows]

    async def _locked(self, tx: Transaction, caller: Caller, circumstance_id: UUID) -> tuple[Row[Any], Row[Any]]:
        """The person, locked first so that a person's events keep their order, and the circumstance."""
        query = select(self._sort.table).where(self._sort.table.c.id == circumstance_id)
        found = (await tx.connection.execute(query)).one_or_none()
        if found is None:
            raise NotFound("没有这条记录，或不在您的权限范围内。")
        owner = await persons.lock(tx.connection, found.person_id, caller.scope)
        row = (await tx.connection.execute(query)).one()
        if row.void_reason is not None:
            raise AlreadyVoid("该记录已作废，不能再改；需要的话请重新登记。")
        return owner, row

    async def _changed(
        self, tx: Transaction, event: type[Event], owner: Row[Any], before: Row[Any], **values: Any
    ) -> View:
        table = self._sort.table
        await tx.connection.execute(
            update(table).where(table.c.id == before.id).values(revision=before.revision + 1, **values)
        )
        return await self._told(tx, event, owner, before.id, before=before)

    async def _told(
        self, tx: Transaction, event: type[Event], owner: Row[Any], circumstance_id: UUID, *, before: Row[Any] | None
    ) -> View:
        table = self._sort.table
        row = (await tx.connection.execute(select(table).where(table.c.id == circumstance_id))).one()
        if self._sort is HARDSHIP:
            await marks.set_marks_of_day(tx.connection, [row.person_id], today=day_of(tx.now))
        ids = {self._sort.id_name: row.id, "person_id": row.person_id, "pool": owner.pool}
        days = {"revision": row.revision, "kind": row.kind, "start": row.start, "end": row.end}
        tx.emit(event.model_validate(ids | days))
        tx.record(AuditEntry(event.TYPE, table.name, row.id, before=_audited(before), after=_audited(row)))
        return tx.answer(self._sort.view(row))


async def void_facts(
    tx: Transaction, sort: Circumstance[Any], owner: Row[Any], rows: Sequence[Row[Any]], reason: str
) -> None:
    """Void several records of a person whose row is locked, and tell each."""
    for row in rows:
        revision = row.revision + 1
        voided = update(sort.table).where(sort.table.c.id == row.id)
        await tx.connection.execute(voided.values(void_reason=reason, revision=revision))
        told = {**row._asdict(), sort.id_name: row.id, "pool": owner.pool, "revision": revision}
        tx.emit(sort.voided.model_validate(told))
        after = {"void_reason": reason}
        tx.record(AuditEntry(sort.voided.TYPE, sort.table.name, row.id, before=_audited(row), after=after))


def _audited(row: Row[Any] | None) -> dict[str, Any] | None:
    kept = ("person_id", "kind", "start", "end", "void_reason")
    return None if row is None else {each: getattr(row, each) for each in kept}


async def _refuse_always(connection: AsyncConnection, owner: Row[Any], kind: str | None) -> None:
    """MarkWithoutDays where a mark holds on every day already."""
    dated = (await reports.known_facts(connection, hardship, [owner.id]))[owner.id]
    if kind in held_always(marks=owner.marks, dated=dated):
        reason = f"已登记为不限期的{MARKS[kind]}；请先在人员信息中更正人员标识（自某日起变更的填写 marks_since）"
        raise MarkWithoutDays(f"{reason}，再登记起止日期。", errors=[FieldError("kind", reason)])


def _check_order(start: date, end: date | None) -> None:
    if end is not None and end < start:
        raise PeriodInvalid("截止日期早于起始日期，请核对。", errors=[FieldError("end", "早于起始日期")])
