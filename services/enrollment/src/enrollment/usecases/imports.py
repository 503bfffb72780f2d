"""A file of persons is loaded in one transaction: all good rows or none, and sent again it changes nothing.

A small file is answered at once. A large one is kept, sealed, and worked off by a loop of the service; whoever
sent it asks how far it is. Killed in the middle, the loop begins it again and finds nothing half-written.
"""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import polars as pl
from changhu_common.bulk_files import LINE, BulkFile, InvalidFile, read_bulk
from changhu_common.database import Actor, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, NotFound, Refusal
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller, Scope
from changhu_common.stopping import work_until
from changhu_common.table_files import error_file
from changhu_common.uploads import Upload
from sqlalchemy import Row

from enrollment.domain.file_rows import COLUMNS
from enrollment.domain.registration import Territory
from enrollment.domain.whole_file import WholeFile, whole_file
from enrollment.storage import imports
from enrollment.storage.identities import Identities, masked_cells
from enrollment.storage.marks import set_marks_of_pool
from enrollment.storage.tables import rejected_row
from enrollment.usecases.loading import Choice, Loading
from enrollment.usecases.territories import territory_of
from enrollment.usecases.wards import Wards

Form = Literal["csv", "xlsx", "zip"]

# What is answered at once: a county's file, loaded in the seconds that somebody waits for a page.
AT_ONCE_BYTES_MAX = 4 * 1024 * 1024
ERRORS_SHOWN_MAX = 100  # the error file has them all
PAGE_IMPORTS_MAX = 200
ZIP_START = b"PK"
COUNTED = ("choice", "rows", "loaded", "unchanged", "rejected")
# The loop looks this often for a file that waits.
IDLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell, or with a whole row (`field` empty)."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """An import as it stands: waiting, done, or refused as a whole (`refusal` says why).

    While it waits, `rows` were read, `checked` of them checked and `written` of them written so far. In the
    end `loaded` rows are new or changed something, and `errors` are the first hundred.
    """

    import_id: UUID
    status: str
    choice: str
    rows: int
    checked: int
    written: int
    loaded: int
    unchanged: int
    rejected: int
    errors: Sequence[RowError]
    refusal: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """An import in a list: who sent it when, and what it came to."""

    import_id: UUID
    form: str
    choice: str
    status: str
    rows: int
    loaded: int
    unchanged: int
    rejected: int
    imported_by: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class ImportPage:
    """A page of imports, the latest first; `next` is what to give as `before` for the next one, None on the last."""

    imports: Sequence[ImportSummary]
    next: UUID | None


class Imports:
    """Persons from files (批量导入)."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def load(self, *, caller: Caller, upload: Upload, form: Form, choice: Choice, at_once: bool) -> ImportView:
        """Load a file's good rows; with `choice` all, nothing where a row is bad. A large file is only taken in."""
        begins = upload.file.read(len(ZIP_START))
        upload.file.seek(0)
        if (begins == ZIP_START) is not (form in ("xlsx", "zip")):
            raise InvalidFile(f"文件内容不是 {form.upper()}；请核对所选格式后重新上传")
        territory = await self._territory(caller.scope)
        import_id = new_id()
        if not at_once:
            return await self._take_in(caller, upload, territory, import_id, form=form, choice=choice)
        # Hundreds of thousands of rows are read beside the other requests, not before them.
        whole = await asyncio.to_thread(_read, upload.file.read(), territory)
        async with self._database.change(upload.asked) as tx:
            await imports.add(tx.connection, self._row(tx, caller.scope, territory, import_id, form, choice))
            await self._work(tx, import_id, territory, whole, choice)
            return tx.answer(await self._view(tx.connection, await imports.row_of(tx.connection, import_id)))

    async def _territory(self, scope: Scope) -> Territory:
        async with self._database.read() as connection:
            territory = await territory_of(connection, scope, today=day_of(self._database.clock.now()))
        if not territory.packs:
            raise NotFound("您的权限范围内没有统筹区。")
        return territory

    def _row(
        self, tx: Transaction, scope: Scope, territory: Territory, import_id: UUID, form: str, choice: str
    ) -> dict[str, Any]:
        return {
            "id": import_id,
            "region": min(pack.pool for pack in territory.packs.values()),
            "imported_by": tx.actor.subject,
            "imported_at": tx.now,
            "origin": tx.actor.origin,
            "scope": imports.scope_as_json(scope),
            "form": form,
            "choice": choice,
            "status": "waiting",
            **dict.fromkeys(("rows", "checked", "written", "loaded", "unchanged", "rejected"), 0),
        }

    async def _take_in(
        self,
        caller: Caller,
        upload: Upload,
        territory: Territory,
        import_id: UUID,
        *,
        form: str,
        choice: str,
    ) -> ImportView:
        async with self._database.change(replace(upload.asked, status=202)) as tx:
            await imports.add(tx.connection, self._row(tx, caller.scope, territory, import_id, form, choice))
            await imports.keep(tx.connection, self._identities, import_id, upload.file)
            return tx.answer(await self._view(tx.connection, await imports.row_of(tx.connection, import_id)))

    # -- working a file off

    async def run(self, stop: asyncio.Event) -> None:
        """Work off what waits, until `stop`; a file in hand is finished."""
        await work_until(stop, self.work_off, name="imports", idle_seconds=IDLE_SECONDS)

    async def waiting(self) -> int:
        """How many files are still to be worked off."""
        async with self._database.read() as connection:
            return await imports.waiting(connection)

    async def work_off(self) -> bool:
        """Load the file that waits longest and that nobody works on; False where there is none."""
        async with self._database.read() as connection:
            candidates = await imports.waiting_longest(connection)
        for row in candidates:
            try:
                async with self._database.change(Actor(row.imported_by, row.origin)) as tx:
                    if not await imports.take(tx.connection, row.id):
                        continue
                    territory = await self._territory(imports.scope_of(row.scope))
                    content = await imports.kept(tx.connection, self._identities, row.id)
                    whole = await asyncio.to_thread(_read, content, territory)
                    del content
                    await self._progress(row.id, rows=whole.file.rows.height, checked=whole.file.rows.height)
                    await self._work(tx, row.id, territory, whole, row.choice)
                    await imports.forget(tx.connection, row.id)
                return True
            except Refusal as refusal:
                async with self._database.change(Actor(row.imported_by, row.origin)) as tx:
                    problem = {"code": refusal.code, "title": refusal.title, "detail": refusal.detail}
                    errors = [error.as_json() for error in refusal.errors[:ERRORS_SHOWN_MAX]]
                    await imports.refuse(tx.connection, row.id, {**problem, "errors": errors})
                    tx.record(AuditEntry("persons.import_refused", "person_import", row.id, after=problem))
                return True
        return False

    async def _progress(self, import_id: UUID, **counted: int) -> None:
        """Tell how far a file is, for others to see while its own transaction runs."""
        async with self._database.engine.begin() as connection:
            await imports.count(connection, import_id, **counted)

    async def _work(
        self, tx: Transaction, import_id: UUID, territory: Territory, whole: WholeFile, choice: Choice
    ) -> None:
        """Load a checked file and say what became of it."""
        await imports.take_turns(tx.connection, min(pack.pool for pack in territory.packs.values()))
        for pool in {each.pool for each in whole.positions}:
            await set_marks_of_pool(tx.connection, pool, today=territory.today)
        wards = Wards(tx, self._identities, whole, territory)
        whole = await wards.checked()

        async def told(written: int) -> None:
            await self._progress(import_id, written=written)

        loading = Loading(tx, self._identities, whole, import_id=import_id, today=territory.today, told=told)
        done = await loading.load(choice)
        if choice == "good" or not (whole.errors or done.errors):
            named = await wards.name(import_id=import_id, refused={error.line or 0 for error in done.errors})
            # Who is the same as before but for the guardian is loaded too.
            more = min(len(set(named) - done.wards), done.unchanged)
            done.loaded, done.unchanged = done.loaded + more, done.unchanged - more
        errors = sorted((*whole.errors, *done.errors), key=lambda error: error.line or 0)
        by_line = {
            line: [error.as_json() for error in of_line]
            for line, of_line in itertools.groupby(errors, key=lambda error: error.line or 0)
        }
        height = whole.file.rows.height
        counted = {"rows": height, "loaded": done.loaded, "unchanged": done.unchanged, "rejected": len(by_line)}
        await imports.count(
            tx.connection, import_id, status="done", checked=height, written=done.loaded + done.unchanged, **counted
        )
        cells = whole.file.rows.filter(pl.col(LINE).is_in(list(by_line))).to_dicts()
        await imports.add_rejected(tx.connection, self._identities, import_id, cells, by_line)
        tx.record(AuditEntry("persons.imported", "person_import", import_id, after={"choice": choice, **counted}))

    # -- asking

    async def get(self, *, caller: Caller, import_id: UUID) -> ImportView:
        async with self._database.read() as connection:
            row = await imports.get(connection, import_id, caller)
            if row is None:
                raise _unknown()
            return await self._view(connection, row)

    async def page(self, *, caller: Caller, before: UUID | None, limit: int) -> ImportPage:
        """What the caller sent, and what was sent for the pools that are the caller's."""
        async with self._database.read() as connection:
            rows = await imports.page(connection, caller, before=before, limit=limit + 1)
        shown = [each for each in ImportSummary.__dataclass_fields__ if each != "import_id"]
        found = [
            ImportSummary(import_id=row.id, **{each: getattr(row, each) for each in shown}) for row in rows[:limit]
        ]
        return ImportPage(found, found[-1].import_id if len(rows) > limit else None)

    async def _view(self, connection: Any, row: Row[Any]) -> ImportView:
        rejected = await imports.rejected(connection, row.id, limit=ERRORS_SHOWN_MAX)
        shown = ("status", "choice", "rows", "checked", "written", "loaded", "unchanged", "rejected", "refusal")
        return ImportView(
            import_id=row.id,
            errors=_shown([FieldError(**error) for each in rejected for error in each.errors]),
            **{each: getattr(row, each) for each in shown},
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


def _read(content: bytes, territory: Territory) -> WholeFile:
    return whole_file(read_bulk(content, COLUMNS), territory)


def _shown(errors: Sequence[FieldError]) -> list[RowError]:
    return [
        RowError(line=error.line or 0, field=error.field, reason=error.reason) for error in errors[:ERRORS_SHOWN_MAX]
    ]


def _unknown() -> NotFound:
    return NotFound("没有这次导入，或不在您的权限范围内。")
