"""Staff are registered by their organisation; names are kept as ciphertext and shown whole only one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.events.provider import StaffRegistered, StaffReleased, StaffRole, StaffState
from changhu_common.field_encryption import FieldCipher
from changhu_common.ids import new_id
from changhu_common.roles import Caller

from provider_registry.domain import staff as rules
from provider_registry.domain.staff import masked_name
from provider_registry.storage import organizations, staff
from provider_registry.storage.tables import staff as table


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffView:
    """A member of staff; `name` is masked where many are shown."""

    staff_id: UUID
    organization_id: UUID
    name: str
    roles: Sequence[str]
    account: str
    person_id: UUID | None
    start: date
    end: date | None


class Staff:
    """Who serves an organisation."""

    def __init__(self, database: Database, cipher: FieldCipher) -> None:
        self._database = database
        self._cipher = cipher

    async def register(
        self,
        *,
        asked: AskedChange,
        caller: Caller,
        organization_id: UUID,
        name: str,
        roles: Sequence[StaffRole],
        account: str,
        start: date,
        person_id: UUID | None,
    ) -> StaffView:
        """Somebody serves the organisation from that day (登记)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            of = await organizations.of_id(connection, organization_id, scope=caller.scope, lock=True)
            rules.refuse_unfit_roles(kind=of.kind, roles=roles)
            staff_id = new_id()
            values: dict[str, Any] = {
                "organization_id": organization_id,
                "roles": sorted(set(roles)),
                "account": account,
                "person_id": person_id,
                "start": start,
                "end": None,
            }
            await staff.add(
                connection,
                id=staff_id,
                name=self._cipher.encrypt(name, table="staff", column="name", row=staff_id),
                revision=1,
                **values,
            )
            transaction.record(AuditEntry("staff.registered", "staff", staff_id, after=values))
            transaction.emit(_state(StaffRegistered, of.pool, staff_id, 1, values))
            return transaction.answer(StaffView(staff_id=staff_id, name=masked_name(name=name), **values))

    async def release(self, *, asked: AskedChange, caller: Caller, staff_id: UUID, end: date) -> StaffView:
        """That day is the last on which they serve the organisation (离职)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            of = await organizations.owner(connection, table.c.id, staff_id, scope=caller.scope)
            standing = await staff.of_id(connection, staff_id)
            if standing.end is not None:
                raise rules.StaffReleased(f"该人员已于 {standing.end} 离职。")
            if end < standing.start:
                raise rules.ReleaseUnfit(f"离职日期不能早于登记日期 {standing.start}。")
            revision = standing.revision + 1
            await staff.release(connection, staff_id, end=end, revision=revision)
            transaction.record(
                AuditEntry("staff.released", "staff", staff_id, before={"end": None}, after={"end": end})
            )
            view = self._view(standing, masked=True, end=end)
            transaction.emit(
                _state(
                    StaffReleased,
                    of.pool,
                    staff_id,
                    revision,
                    {
                        "organization_id": standing.organization_id,
                        "roles": standing.roles,
                        "account": standing.account,
                        "person_id": standing.person_id,
                        "start": standing.start,
                        "end": end,
                    },
                )
            )
            return transaction.answer(view)

    async def of_organization(self, *, caller: Caller, organization_id: UUID) -> list[StaffView]:
        async with self._database.read() as connection:
            await organizations.of_id(connection, organization_id, scope=caller.scope)
            rows = await staff.of_organization(connection, organization_id)
        return [self._view(row, masked=True, end=row.end) for row in rows]

    def _view(self, row: staff.Found, *, masked: bool, end: date | None) -> StaffView:
        name = self._cipher.decrypt(row.name, table="staff", column="name", row=row.id)
        return StaffView(
            staff_id=row.id,
            organization_id=row.organization_id,
            name=masked_name(name=name) if masked else name,
            roles=row.roles,
            account=row.account,
            person_id=row.person_id,
            start=row.start,
            end=end,
        )


def _state(kind: type[StaffState], pool: str, staff_id: UUID, revision: int, values: dict[str, Any]) -> StaffState:
    return kind(pool=pool, staff_id=staff_id, revision=revision, **values)
