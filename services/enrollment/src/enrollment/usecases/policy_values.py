"""A value that a document leaves open is entered by one person and approved by another; then it is told to all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, NotFound, PostsNotSeparated
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from changhu_policies import Supplied, load_pack
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import policy_value
from enrollment.usecases.territories import SUPPLIED, refuse_outside_pool

Status = Literal["entered", "approved", "withdrawn"]


class AlreadyApproved(Conflict):
    """An approved value never changes; a later one takes its place."""

    code = "policy_value.already_approved"
    title = "该参数值已审批"


class Withdrawn(Conflict):
    """What was withdrawn is entered anew."""

    code = "policy_value.withdrawn"
    title = "该参数值已撤回"


@dataclass(frozen=True, slots=True)
class PolicyValueView:
    """A supplied value (补录参数) as it stands."""

    value_id: UUID
    pool: str
    parameter: str
    qualifiers: dict[str, str | int]
    value: Any
    start: date
    end: date | None
    source: str
    status: Status
    entered_by: str
    entered_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    withdrawn_by: str | None
    withdrawal_reason: str | None


@dataclass(frozen=True, slots=True)
class MissingView:
    """A value that a document leaves open: for whom (`qualifiers`), by which clause, and what it says of it."""

    parameter: str
    name: str
    qualifiers: dict[str, str | int]
    clause: str
    note: str


class PolicyValues:
    """Entry and approval of what the documents leave open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        pool: str,
        parameter: str,
        qualifiers: dict[str, str | int],
        value: Any,
        start: date,
        end: date | None,
        source: str,
    ) -> PolicyValueView:
        """Enter a value with the paper that says it; what a document states cannot be supplied."""
        refuse_outside_pool(caller.scope, pool)
        async with self._database.change(asked) as tx:
            row = {
                "id": new_id(),
                "pool": pool,
                "parameter": parameter,
                "qualifiers": qualifiers,
                "value": value,
                "start": start,
                "end": end,
                "source": source,
                "entered_by": caller.subject,
                "entered_at": tx.now,
            }
            await _check_fits(tx.connection, row)
            await insert_rows(tx.connection, policy_value, [row])
            tx.record(AuditEntry("policy_value.entered", "policy_value", row["id"], after=row))
            found = await tx.connection.execute(select(policy_value).where(policy_value.c.id == row["id"]))
            return tx.answer(_view(found.one()))

    async def approve(self, *, caller: Caller, asked: AskedChange, value_id: UUID) -> PolicyValueView:
        """Approve what another person entered: from now on it holds in every service."""
        async with self._database.change(asked) as tx:
            row = await _waiting(tx.connection, caller, value_id)
            if row.entered_by == caller.subject:
                raise PostsNotSeparated("这个参数值由您录入，请由另一位有审批权限的人员审批。")
            await _check_fits(tx.connection, row._asdict())
            event = PolicyValueApproved(
                value_id=row.id,
                pool=row.pool,
                parameter=row.parameter,
                qualifiers=row.qualifiers,
                value=row.value,
                start=row.start,
                end=row.end,
                source=row.source,
                entered_by=row.entered_by,
                approved_by=caller.subject,
                approved_at=tx.now,
            )
            changed = await tx.connection.execute(
                update(policy_value)
                .where(policy_value.c.id == value_id)
                .values(approved_by=caller.subject, approved_at=tx.now)
                .returning(policy_value)
            )
            await SUPPLIED.keep(tx, [event])
            tx.emit(event)
            tx.record(AuditEntry("policy_value.approved", "policy_value", value_id, after={"by": caller.subject}))
            return tx.answer(_view(changed.one()))

    async def withdraw(self, *, caller: Caller, asked: AskedChange, value_id: UUID, reason: str) -> PolicyValueView:
        """Take back what is not approved (撤回), or refuse it; the entry stays readable with the reason."""
        async with self._database.change(asked) as tx:
            await _waiting(tx.connection, caller, value_id)
            said = {"withdrawn_by": caller.subject, "withdrawn_at": tx.now, "withdrawal_reason": reason}
            changed = update(policy_value).where(policy_value.c.id == value_id).values(**said).returning(policy_value)
            row = (await tx.connection.execute(changed)).one()
            after = {"by": caller.subject, "reason": reason}
            tx.record(AuditEntry("policy_value.withdrawn", "policy_value", value_id, after=after))
            return tx.answer(_view(row))

    async def of_pool(self, *, caller: Caller, pool: str, status: Status | None = None) -> Sequence[PolicyValueView]:
        """Everything that was entered for a pool, in order of entry; of one status, or all."""
        query = select(policy_value).where(
            policy_value.c.pool == pool, within(caller.scope, region=policy_value.c.pool)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(policy_value.c.entered_at, policy_value.c.id))
            views = [_view(row) for row in rows]
        return [each for each in views if status in (None, each.status)]

    async def missing(self, *, caller: Caller, pool: str, on: date) -> Sequence[MissingView]:
        """What the pool's document leaves open on a day and nobody supplied (待补录)."""
        refuse_outside_pool(caller.scope, pool)
        async with self._database.read() as connection:
            pack = load_pack(pool, await SUPPLIED.load(connection, pool))
        return [
            MissingView(each.parameter, each.title, dict(each.qualifiers), each.clause, each.note)
            for each in pack.values(on=on)
            if each.status == "missing"
        ]


async def _waiting(connection: AsyncConnection, caller: Caller, value_id: UUID) -> Row[Any]:
    """An entered value in scope, locked; refused where it is decided."""
    mine = policy_value.c.id == value_id, within(caller.scope, region=policy_value.c.pool)
    row = (await connection.execute(select(policy_value).where(*mine).with_for_update())).one_or_none()
    if row is None:
        raise NotFound("没有这个补录参数，或不在您的权限范围内。")
    if row.approved_by is not None:
        raise AlreadyApproved("该参数值已审批；需要更改的请补录新的值。")
    if row.withdrawn_by is not None:
        raise Withdrawn("该参数值已撤回；需要的请重新补录。")
    return row


async def _check_fits(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """InvalidInput where the value is none of the parameter's, or a document already states it."""
    record = {each: row[each] for each in ("pool", "parameter", "qualifiers", "value", "source")}
    supplied = Supplied.from_records([record | {"from": row["start"], "to": row["end"]}])
    load_pack(row["pool"], (await SUPPLIED.load(connection, row["pool"])).and_also(supplied))


def _view(row: Row[Any]) -> PolicyValueView:
    return PolicyValueView(
        value_id=row.id,
        pool=row.pool,
        parameter=row.parameter,
        qualifiers=row.qualifiers,
        value=row.value,
        start=row.start,
        end=row.end,
        source=row.source,
        status="approved" if row.approved_by else "withdrawn" if row.withdrawn_by else "entered",
        entered_by=row.entered_by,
        entered_at=row.entered_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        withdrawn_by=row.withdrawn_by,
        withdrawal_reason=row.withdrawal_reason,
    )
