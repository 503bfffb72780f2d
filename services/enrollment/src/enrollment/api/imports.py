"""Files of persons over HTTP: the raw file is the body."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Request, Response

from enrollment.usecases.imports import Choice, Imports, ImportView

Clerk = Annotated[Caller, allow(Role.ENROLLMENT_CLERK)]
Reader = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def imports_router(imports: Imports) -> APIRouter:
    router = APIRouter(tags=["imports"])

    @router.post("/persons/imports", status_code=201)
    async def load(
        caller: Clerk,
        asked: Asked,
        request: Request,
        format: Literal["csv", "xlsx", "zip"],
        choice: Choice = "all",
    ) -> ImportView:
        """Load a file of persons: all of it or nothing, or (`choice=good`) the good rows."""
        return await imports.load(caller=caller, asked=asked, content=await request.body(), form=format, choice=choice)

    @router.get("/imports/{import_id}")
    async def loaded(caller: Reader, import_id: UUID) -> ImportView:
        return await imports.get(caller=caller, import_id=import_id)

    @router.get("/imports/{import_id}/errors")
    async def errors(caller: Reader, import_id: UUID, format: Literal["xlsx", "csv"] = "xlsx") -> Response:
        """The bad rows with their reasons, to be corrected and sent again."""
        content = await imports.error_file(caller=caller, import_id=import_id, form=format)
        disposition = f'attachment; filename="import-errors-{import_id}.{format}"'
        return Response(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": disposition})

    return router
