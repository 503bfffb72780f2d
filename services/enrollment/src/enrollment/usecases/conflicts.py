"""Where another bureau contradicts what is known, a clerk decides once, with a reason, and the outcome is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import Conflict, NotFound
from changhu_common.events.enrollment import PersonDied
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy import Row, select

from enrollment.domain.reported import CLASHES, Reported
from enrollment.storage import marks, persons, reports
from enrollment.usecases.circumstances import Circumstance, void_facts
from enrollment.usecases.reports import SORTS, end_facts, record_facts
from enrollment.usecases.telling import tell

PAGE_CONFLICTS_MAX = 500


class ConflictResolved(Conflict):
    """A conflict is decided once."""

    code = "conflict.already_resolved"
    title = "该冲突已处理"


@dataclass(frozen=True, slots=True)
class ConflictView:
    """A contradiction (待核实冲突): what was reported, and the ids of what is registered against it."""

    conflict_id: UUID
    person_id: UUID
    county: str
    kind: str
    clash: str
    text: str
    proposed: dict[str, Any]
    known: Sequence[UUID]
    status: str
    reason: str | None
    resolved_by: str | None
    resolved_on: date | None


@dataclass(frozen=True, slots=True)
class ConflictPage:
    conflicts: Sequence[ConflictView]
    next: UUID | None


class Conflicts:
    """The clerk's list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, caller: Caller, pool: str, status: str, after: UUID | None, limit: int) -> ConflictPage:
        async with self._database.read() as connection:
            rows = await reports.conflicts(connection, pool, caller.scope, status=status, after=after, limit=limit + 1)
        views = [_view(row) for row in rows[:limit]]
        return ConflictPage(conflicts=views, next=views[-1].conflict_id if len(rows) > limit else None)

    async def resolve(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        conflict_id: UUID,
        resolution: Literal["accept", "reject"],
        reason: str,
    ) -> ConflictView:
        """Take what was reported in place of what is registered, or leave all as it is."""
        async with self._database.change(asked) as tx:
            found = await reports.get_conflict(tx.connection, conflict_id, caller.scope)
            if found is None:
                raise NotFound("没有这条冲突，或不在您的权限范围内。")
            if found.status != "open":
                raise ConflictResolved("这条冲突已处理，不能再改；情况有变的请在该人员的登记上更正。")
            owner = await persons.lock(tx.connection, found.person_id, caller.scope)
            if resolution == "accept":
                await self._accept(tx, found, owner, reason)
            status = "accepted" if resolution == "accept" else "rejected"
            decided = {"status": status, "reason": reason, "resolved_by": caller.subject}
            row = await reports.resolve(tx.connection, conflict_id, {**decided, "resolved_on": day_of(tx.now)})
            tx.record(AuditEntry(f"conflict.{status}", "conflict", conflict_id, after=decided))
            return tx.answer(_view(row))

    async def _accept(self, tx: Transaction, found: Row[Any], owner: Row[Any], reason: str) -> None:
        start = date.fromisoformat(found.proposed["start"])
        if found.kind == "deaths":
            await reports.set_deaths(tx.connection, {owner.id: start})
            before, after = {"died_on": owner.died_on}, {"died_on": start}
            tx.record(AuditEntry("person.died", "person", owner.id, before=before, after=after))
            await tell(tx, {owner.id: PersonDied})
            return
        sort: Circumstance[Any] = SORTS[found.kind]
        end = found.proposed["end"]
        told = Reported(
            kind=found.proposed["kind"],
            start=start,
            end=date.fromisoformat(end) if end else None,
            reference=found.proposed["reference"],
        )
        known = [UUID(each) for each in found.known]
        if found.clash == "end_differs":
            await end_facts(tx, sort, dict.fromkeys(known, (owner, told.end)))
        else:
            table = sort.table
            still = select(table).where(table.c.id.in_(known), table.c.void_reason.is_(None)).order_by(table.c.id)
            await void_facts(tx, sort, owner, (await tx.connection.execute(still)).all(), reason)
            await record_facts(tx, sort, [(owner, told, new_id())])
        if found.kind == "hardship":
            await marks.set_marks_of_day(tx.connection, [owner.id], today=day_of(tx.now))


def _view(row: Row[Any]) -> ConflictView:
    return ConflictView(
        conflict_id=row.id,
        person_id=row.person_id,
        county=row.county,
        kind=row.kind,
        clash=row.clash,
        text=CLASHES[row.clash],
        proposed=row.proposed,
        known=[UUID(each) for each in row.known],
        status=row.status,
        reason=row.reason,
        resolved_by=row.resolved_by,
        resolved_on=row.resolved_on,
    )
