"""Two records of one person are merged by two people: one enters and sees what will happen, another approves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound, PostsNotSeparated
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from pydantic_core import to_jsonable_python
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.merging import MergeDecided, MergeUnfit, MergeWaiting, Obstacle, obstacles
from enrollment.storage import merges, persons
from enrollment.storage.identities import Identities
from enrollment.storage.merge_tables import MERGED
from enrollment.usecases.merging import Double, doubles, merge_records, unmerge_records
from enrollment.usecases.persons import Persons, PersonView

PAGE_MERGES_MAX = 500
TELLING = ("name", "phone", "county", "marks", "family_account")
TWO_POOLS = "两条登记分属不同统筹区，基金各自独立，不能合并；跨统筹区请办理关系转移。"
ITSELF = "请选择两条不同的登记。"


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge will do (合并预览), as things stand.

    `goes_over` counts the rows that become the survivor's; in `differs` the survivor's details hold; `doubles` are
    credited, and what was paid on them may be refunded; with an obstacle it cannot be approved yet.
    """

    survivor: PersonView
    merged: PersonView
    goes_over: Mapping[str, int]
    differs: Sequence[str]
    death_taken_over: date | None
    doubles: Sequence[Double]
    credited_fen: int
    surplus_fen: int
    obstacles: Sequence[Obstacle]
    can_be_reversed: bool = True


@dataclass(frozen=True, slots=True)
class MergeView:
    """A merge (登记合并) or the reversal of one; `preview` while it waits for approval."""

    merge_id: UUID
    kind: Literal["merge", "reversal"]
    pool: str
    survivor_id: UUID
    merged_id: UUID
    reverses_id: UUID | None
    reason: str
    status: str
    entered_by: str
    entered_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    reversed: bool
    preview: MergePreview | None


@dataclass(frozen=True, slots=True)
class MergePage:
    merges: Sequence[MergeView]
    next: UUID | None


class Merges:
    """Merging of records (重复登记合并)."""

    def __init__(self, database: Database, persons: Persons, identities: Identities) -> None:
        self._database = database
        self._persons = persons
        self._identities = identities

    async def preview(self, *, caller: Caller, survivor_id: UUID, merged_id: UUID) -> MergePreview:
        """What merging these two would do; nothing is written."""
        async with self._database.read() as connection:
            if await MERGED.survivors(connection, [survivor_id, merged_id]):
                raise MergeUnfit("其中一条登记已并入其他登记；请在保留的登记上办理。")
            return await self._preview(connection, caller, survivor_id, merged_id)

    async def enter(
        self, *, caller: Caller, asked: AskedChange, survivor_id: UUID, merged_id: UUID, reason: str
    ) -> MergeView:
        async with self._database.change(asked) as tx:
            if survivor_id == merged_id:
                raise MergeUnfit(ITSELF)
            # In order of id, as everybody locks two.
            rows = {
                each: await persons.lock(tx.connection, each, caller.scope) for each in _ordered(survivor_id, merged_id)
            }
            if rows[survivor_id].pool != rows[merged_id].pool:
                raise MergeUnfit(TWO_POOLS)
            await _refuse_waiting(tx.connection, survivor_id, merged_id)
            return tx.answer(await self._enter(tx, caller, rows[merged_id].pool, survivor_id, merged_id, reason, None))

    async def reverse(self, *, caller: Caller, asked: AskedChange, merge_id: UUID, reason: str) -> MergeView:
        """Enter the reversal of an approved merge; it too is approved by another."""
        async with self._database.change(asked) as tx:
            found = await merges.get(tx.connection, merge_id, caller.scope)
            if found is None:
                raise unknown_merge()
            ids = _ordered(found.survivor_id, found.merged_id)
            await persons.lock_records(tx.connection, ids, caller.scope)
            if found.status != "approved" or found.reverses_id or await merges.is_reversed(tx.connection, merge_id):
                raise MergeDecided("只有已审批且尚未撤销的合并可以撤销。")
            await _refuse_waiting(tx.connection, *ids)
            return tx.answer(
                await self._enter(tx, caller, found.pool, found.survivor_id, found.merged_id, reason, merge_id)
            )

    async def approve(self, *, caller: Caller, asked: AskedChange, merge_id: UUID) -> MergeView:
        """Do what another person entered."""
        async with self._database.change(asked) as tx:
            found, rows = await self._locked(tx.connection, caller, merge_id)
            if found.entered_by == caller.subject:
                raise PostsNotSeparated("这笔合并由您录入，请由另一位经办人员审批。")
            both = {"survivor": rows[found.survivor_id], "merged": rows[found.merged_id], "reason": found.reason}
            if found.reverses_id is None:
                effect = await merge_records(tx, **both)
            else:
                undone = await merges.get(tx.connection, found.reverses_id, caller.scope)
                assert undone is not None  # both name the same records
                effect = await unmerge_records(tx, **both, effect=undone.effect)
            await merges.decide(
                tx.connection,
                merge_id,
                status="approved",
                decided_by=caller.subject,
                decided_at=tx.now,
                effect=to_jsonable_python(effect),
            )
            tx.record(AuditEntry("merge.approved", "merge", merge_id))
            return tx.answer(await self._view(tx.connection, caller, merge_id))

    async def reject(self, *, caller: Caller, asked: AskedChange, merge_id: UUID, reason: str) -> MergeView:
        """Send back what was entered, or withdraw it oneself."""
        async with self._database.change(asked) as tx:
            await self._locked(tx.connection, caller, merge_id)
            decided = {"status": "rejected", "decided_by": caller.subject, "decision_reason": reason}
            await merges.decide(tx.connection, merge_id, **decided, decided_at=tx.now)
            tx.record(AuditEntry("merge.rejected", "merge", merge_id, after=decided))
            return tx.answer(await self._view(tx.connection, caller, merge_id))

    async def get(self, *, caller: Caller, merge_id: UUID) -> MergeView:
        async with self._database.read() as connection:
            return await self._view(connection, caller, merge_id)

    async def page(
        self,
        *,
        caller: Caller,
        pool: str,
        status: str | None,
        person_id: UUID | None,
        after: UUID | None,
        limit: int,
    ) -> MergePage:
        """Merges in the order in which they were entered, without previews."""
        async with self._database.read() as connection:
            rows = await merges.page(
                connection,
                caller.scope,
                pool=pool,
                status=status,
                person_id=person_id,
                after=after,
                limit=limit + 1,
            )
            views = [_view(row, await merges.is_reversed(connection, row.id), None) for row in rows[:limit]]
        return MergePage(views, views[-1].merge_id if len(rows) > limit else None)

    async def _enter(
        self,
        tx: Transaction,
        caller: Caller,
        pool: str,
        survivor_id: UUID,
        merged_id: UUID,
        reason: str,
        reverses: UUID | None,
    ) -> MergeView:
        row: dict[str, Any] = {
            "id": new_id(),
            "pool": pool,
            "survivor_id": survivor_id,
            "merged_id": merged_id,
            "reverses_id": reverses,
            "reason": reason,
            "status": "entered",
            "entered_by": caller.subject,
            "entered_at": tx.now,
        }
        await merges.add(tx.connection, row)
        tx.record(AuditEntry("merge.entered", "merge", row["id"], after=row))
        return await self._view(tx.connection, caller, row["id"])

    async def _locked(
        self, connection: AsyncConnection, caller: Caller, merge_id: UUID
    ) -> tuple[Row[Any], Mapping[UUID, Row[Any]]]:
        """A merge that waits, and both records; persons are locked first, as everywhere."""
        found = await merges.get(connection, merge_id, caller.scope)
        if found is None:
            raise unknown_merge()
        rows = await persons.lock_records(connection, _ordered(found.survivor_id, found.merged_id), caller.scope)
        found = await merges.get(connection, merge_id, caller.scope, lock=True)
        if found is None or found.status != "entered":
            raise MergeDecided("这笔合并已审批或已退回，不能再办理；已合并的可以办理撤销。")
        return found, rows

    async def _preview(
        self, connection: AsyncConnection, caller: Caller, survivor_id: UUID, merged_id: UUID
    ) -> MergePreview:
        if survivor_id == merged_id:
            raise MergeUnfit(ITSELF)
        rows = {row.id: row for row in await persons.get(connection, [survivor_id, merged_id], caller.scope)}
        if len(rows) < 2:
            raise persons.unknown_person()
        survivor, merged = rows[survivor_id], rows[merged_id]
        if survivor.pool != merged.pool:
            raise MergeUnfit(TWO_POOLS)
        views = [await self._persons.view_of(connection, each, caller) for each in (survivor_id, merged_id)]
        twice = await doubles(connection, survivor=survivor_id, merged=merged_id)
        records = [await merges.record_of(connection, each) for each in (survivor, merged)]
        details = [self._details(each) for each in (survivor, merged)]
        return MergePreview(
            survivor=views[0],
            merged=views[1],
            goes_over=await merges.counts(connection, merged_id),
            differs=[name for name in TELLING if details[0][name] != details[1][name]],
            death_taken_over=merged.died_on if survivor.died_on is None else None,
            doubles=twice,
            credited_fen=sum(each.due_fen for each in twice),
            surplus_fen=sum(each.paid_fen for each in twice),
            obstacles=obstacles(survivor=records[0], merged=records[1]),
        )

    def _details(self, row: Row[Any]) -> dict[str, Any]:
        phone = self._identities.open(row.id, "phone", row.phone) if row.phone else None
        known = {name: getattr(row, name) for name in ("county", "marks", "family_account")}
        return {"name": self._identities.name(row), "phone": phone, **known}

    async def _view(self, connection: AsyncConnection, caller: Caller, merge_id: UUID) -> MergeView:
        row = await merges.get(connection, merge_id, caller.scope)
        if row is None:
            raise unknown_merge()
        waits = row.status == "entered" and row.reverses_id is None
        preview = await self._preview(connection, caller, row.survivor_id, row.merged_id) if waits else None
        return _view(row, await merges.is_reversed(connection, merge_id), preview)


def unknown_merge() -> NotFound:
    return NotFound("没有这笔合并，或不在您的权限范围内。")


def _ordered(*ids: UUID) -> list[UUID]:
    return sorted(ids)


async def _refuse_waiting(connection: AsyncConnection, *records: UUID) -> None:
    if known := await merges.waiting(connection, records):
        raise MergeWaiting("其中一条登记已有待审批的合并；请先审批或退回。", merge_id=str(known))


def _view(row: Row[Any], is_reversed: bool, preview: MergePreview | None) -> MergeView:
    copied = (
        "pool", "survivor_id", "merged_id", "reverses_id", "reason", "status",
        "entered_by", "entered_at", "decided_by", "decided_at", "decision_reason",
    )  # fmt: skip
    return MergeView(
        merge_id=row.id,
        kind="merge" if row.reverses_id is None else "reversal",
        **{name: getattr(row, name) for name in copied},
        reversed=is_reversed,
        preview=preview,
    )
