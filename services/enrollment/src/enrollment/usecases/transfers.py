"""Whoever comes from another pool brings the months that were insured there; whoever leaves is told his own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from changhu_common.rows import insert_rows
from sqlalchemy import Row, select

from enrollment.storage import persons
from enrollment.storage.merge_tables import MERGED
from enrollment.storage.transfer_tables import transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a person comes from, and the months insured there that count here."""

    pool: str
    recognised_months: int
    reference: str


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer (关系转移): `months` are those brought along, or those to be recognised elsewhere."""

    transfer_id: UUID
    person_id: UUID
    coverage_id: UUID
    direction: str
    other_pool: str
    day: date
    months: int
    reference: str


class TransferWithin(InvalidInput):
    """Whoever stays in the pool moves to another county of it, or is ended and insured anew."""

    code = "transfer.within_pool"
    title = "转移双方是同一统筹区"


async def keep_transfer(tx: Transaction, person: Row[Any], **told: Any) -> UUID:
    """Store a transfer of a person whose row is locked."""
    if told["other_pool"] == person.pool:
        reason = "转移的对方就是本统筹区；在本统筹区内变更县区的，请更正县区"
        raise TransferWithin(f"{reason}。", errors=[FieldError("other_pool", reason)])
    person_id = person.id
    row = {"id": new_id(), "person_id": person_id, **told}
    whose = {"recorded_by": tx.actor.subject, "recorded_at": tx.now}
    await insert_rows(tx.connection, transfer, [{**row, **whose}])
    tx.record(AuditEntry(f"person.transferred_{told['direction']}", "person", person_id, after=row))
    transfer_id: UUID = row["id"]
    return transfer_id


class Transfers:
    """Enquiries about transfers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_person(self, *, caller: Caller, person_id: UUID) -> Sequence[TransferView]:
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            records = await MERGED.records(connection, [person_id])
            query = select(transfer).where(transfer.c.person_id.in_(records)).order_by(transfer.c.day, transfer.c.id)
            return [
                TransferView(
                    row.id,
                    row.person_id,
                    row.coverage_id,
                    row.direction,
                    row.other_pool,
                    row.day,
                    row.months,
                    row.reference,
                )
                for row in await connection.execute(query)
            ]
