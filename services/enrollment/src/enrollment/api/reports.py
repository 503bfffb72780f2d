"""Facts of other bureaus over HTTP, in bulk, and the clerk's list of what they contradict."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.bulk_files import FILE_BYTES_MAX
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from changhu_common.uploads import FILE_BODY, Upload, uploaded
from fastapi import APIRouter, Query, Response
from pydantic import Field

from enrollment.api.imports import MEDIA_TYPES
from enrollment.api.persons import TEXT_CHARACTERS_MAX, Body
from enrollment.domain.reported import FactKind
from enrollment.usecases.conflicts import PAGE_CONFLICTS_MAX, ConflictPage, Conflicts, ConflictView
from enrollment.usecases.reports import FactImportView, Reports

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
Reader = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]


class Resolution(Body):
    resolution: Literal["accept", "reject"]
    reason: Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)]


def reports_router(reports: Reports, conflicts: Conflicts) -> APIRouter:
    router = APIRouter(tags=["facts of other bureaus"])

    @router.post("/facts/imports", status_code=201, openapi_extra=FILE_BODY)
    async def load(
        caller: Clerk,
        upload: Annotated[Upload, uploaded(bytes_max=FILE_BYTES_MAX)],
        pool: str,
        kind: FactKind,
        choice: Literal["all", "good"] = "all",
    ) -> FactImportView:
        """Record a file (CSV, XLSX, zipped CSV) of another bureau: all of it or nothing, or the good rows."""
        content = upload.file.read()
        return await reports.load(
            caller=caller, asked=upload.asked, content=content, pool=pool, kind=kind, choice=choice
        )

    @router.get("/facts/imports/{import_id}/errors")
    async def errors(caller: Clerk, import_id: UUID) -> Response:
        """The bad rows with their reasons, for whoever sent the file."""
        content = await reports.error_file(caller=caller, import_id=import_id)
        disposition = f'attachment; filename="fact-errors-{import_id}.csv"'
        return Response(content, media_type=MEDIA_TYPES["csv"], headers={"Content-Disposition": disposition})

    @router.get("/conflicts")
    async def page(
        caller: Reader,
        pool: str,
        status: Literal["open", "accepted", "rejected"] = "open",
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_CONFLICTS_MAX)] = 100,
    ) -> ConflictPage:
        """What another bureau reported against what is known (待核实冲突)."""
        return await conflicts.page(caller=caller, pool=pool, status=status, after=after, limit=limit)

    @router.post("/conflicts/{conflict_id}/resolution")
    async def resolve(caller: Clerk, asked: Asked, conflict_id: UUID, body: Resolution) -> ConflictView:
        """Take what was reported, or leave what is known."""
        return await conflicts.resolve(caller=caller, asked=asked, conflict_id=conflict_id, **body.model_dump())

    return router
