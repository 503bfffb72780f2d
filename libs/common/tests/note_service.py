"""A service as small as can be, for the frame's own tests: it keeps the last name it heard of an organisation."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.consumer import Subscription
from changhu_common.database import AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events import Envelope
from changhu_common.events.provider import ORGANIZATION, PricesPublished, StaffState
from changhu_common.migrating import grant_to_runtime  # noqa: F401  (its migration uses it)
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from changhu_common.rows import insert_rows
from changhu_common.service import Parts, Resources, Service
from changhu_common.spine import add_spine, new_metadata
from changhu_common.uploads import FILE_BODY, MEGABYTE, Upload, uploaded
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Column, Integer, Table, Text, Uuid, select

METADATA = new_metadata()
SPINE = add_spine(METADATA)
note = Table("note", METADATA, Column("id", Uuid, primary_key=True), Column("text", Text), Column("times", Integer))

FAILS = "211199"  # a price list of this pool cannot be applied, until it can
broken = {FAILS}
FILE_BYTES_MAX = 2 * MEGABYTE


class NoteIn(BaseModel):
    id: UUID
    text: str


class Notes:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.batches: list[int] = []

    async def write(self, asked: Asked, entry: NoteIn) -> dict[str, str]:
        async with self._database.change(asked) as transaction:
            await insert_rows(transaction.connection, note, [{"id": entry.id, "text": entry.text, "times": 1}])
            transaction.record(AuditEntry("note.written", "note", entry.id, after={"text": entry.text}))
            transaction.emit(PricesPublished(organization_id=entry.id, pool="211100", revision=1, prices=()))
            if entry.text == "refuse":
                raise NotFound("拒绝")
            return transaction.answer({"id": str(entry.id), "text": entry.text})

    async def apply(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        """Count what was heard of each organisation, in order; one pool's list cannot be applied."""
        self.batches.append(len(envelopes))
        for envelope in envelopes:
            event = envelope.event
            assert isinstance(event, PricesPublished)
            transaction.record(AuditEntry("heard", "note", event.organization_id))
            if event.pool in broken:
                raise ValueError("cannot be applied")
            await insert_rows(
                transaction.connection,
                note,
                [{"id": event.organization_id, "text": str(event.revision), "times": 1}],
                then="ON CONFLICT (id) DO UPDATE SET text = note.text || ',' || EXCLUDED.text, times = note.times + 1",
            )


def build(resources: Resources) -> Parts:
    notes = Notes(resources.database)
    router = APIRouter()

    @router.post("/notes", status_code=201)
    async def write(caller: Annotated[Caller, allow(Role.OPERATOR)], asked: Asked, entry: NoteIn) -> dict[str, str]:
        return await notes.write(asked, entry)

    @router.get("/notes/{id}")
    async def read(caller: Annotated[Caller, allow(Role.OPERATOR)], id: UUID) -> dict[str, str | int]:
        async with resources.database.read() as connection:
            row = (await connection.execute(select(note).where(note.c.id == id))).one_or_none()
        if row is None:
            raise NotFound("没有这条记录。")
        return {"text": row.text, "times": row.times}

    @router.post("/files", status_code=201, openapi_extra=FILE_BODY)
    async def take(
        caller: Annotated[Caller, allow(Role.OPERATOR)],
        upload: Annotated[Upload, uploaded(bytes_max=FILE_BYTES_MAX)],
    ) -> dict[str, Any]:
        content = upload.file.read()
        file = os.stat(upload.file.fileno())
        async with resources.database.change(upload.asked) as transaction:
            digest = hashlib.sha256(content).hexdigest()
            return transaction.answer({"digest": digest, "size": upload.size, "names": file.st_nlink})

    @router.get("/broken")
    async def fails(caller: Annotated[Caller, allow(Role.OPERATOR)]) -> dict[str, str]:
        raise RuntimeError("secret 21110219800101123X")

    return Parts(
        routers=[router],
        subscription=Subscription(group="notes", topics=(ORGANIZATION,), apply=notes.apply, passes=(StaffState,)),
    )


NOTES = Service(
    name="notes",
    title="notes",
    metadata=METADATA,
    spine=SPINE,
    migrations=Path(__file__).parent / "note_migrations",
    build=build,
)
