"""Files of persons over HTTP: the raw file is the body."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.bulk_files import FILE_BYTES_MAX
from changhu_common.roles import Caller, Role
from changhu_common.table_files import table_file
from changhu_common.uploads import FILE_BODY, Upload, uploaded
from fastapi import APIRouter, Header, Query, Response

from enrollment.domain.file_rows import COLUMNS
from enrollment.usecases.imports import AT_ONCE_BYTES_MAX, PAGE_IMPORTS_MAX, Form, ImportPage, Imports, ImportView
from enrollment.usecases.loading import Choice

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
Reader = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def imports_router(imports: Imports) -> APIRouter:
    router = APIRouter(tags=["imports"])

    @router.post("/persons/imports", status_code=201, responses={202: {"model": ImportView}}, openapi_extra=FILE_BODY)
    async def load(
        caller: Clerk,
        upload: Annotated[Upload, uploaded(bytes_max=FILE_BYTES_MAX)],
        response: Response,
        format: Form,
        choice: Choice = "all",
        prefer: Annotated[str | None, Header(description="respond-async: 先收下, 随后处理")] = None,
    ) -> ImportView:
        """Load a file of persons: all of it or nothing, or (`choice=good`) the good rows.

        A large file, or any with `Prefer: respond-async`, is taken in (202); ask for it until it is done.
        """
        at_once = upload.size <= AT_ONCE_BYTES_MAX and "respond-async" not in (prefer or "")
        response.status_code = 201 if at_once else 202
        return await imports.load(caller=caller, upload=upload, form=format, choice=choice, at_once=at_once)

    @router.get("/persons/imports/template")
    async def template(caller: Reader, format: Literal["xlsx", "csv"] = "xlsx") -> Response:
        """The columns of a file of persons, to be filled in (导入模板)."""
        content = table_file(tuple(column.title for column in COLUMNS), [], form=format, sheet="参保人员")
        disposition = f'attachment; filename="persons.{format}"'
        return Response(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": disposition})

    @router.get("/imports")
    async def page(
        caller: Reader, before: UUID | None = None, limit: Annotated[int, Query(ge=1, le=PAGE_IMPORTS_MAX)] = 50
    ) -> ImportPage:
        """Imports, the latest first; `next` is the `before` of the page that follows."""
        return await imports.page(caller=caller, before=before, limit=limit)

    @router.get("/imports/{import_id}")
    async def loaded(caller: Reader, import_id: UUID) -> ImportView:
        """How far an import is, or what it came to."""
        return await imports.get(caller=caller, import_id=import_id)

    @router.get("/imports/{import_id}/errors")
    async def errors(caller: Reader, import_id: UUID, format: Literal["xlsx", "csv"] = "xlsx") -> Response:
        """The bad rows with their reasons, to be corrected and sent again."""
        content = await imports.error_file(caller=caller, import_id=import_id, form=format)
        disposition = f'attachment; filename="import-errors-{import_id}.{format}"'
        return Response(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": disposition})

    return router
