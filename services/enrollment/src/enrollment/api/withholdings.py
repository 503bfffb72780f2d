"""Withholding batches over HTTP: made, taken out as a file, answered by a file."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.bulk_files import FILE_BYTES_MAX
from changhu_common.requests import Asked, origin_of
from changhu_common.uploads import FILE_BODY, Upload, uploaded
from fastapi import APIRouter, Query, Request, Response

from enrollment.api.contributions import Clerk, Receiver, RunReader
from enrollment.api.imports import MEDIA_TYPES
from enrollment.api.persons import Body, month_of
from enrollment.domain.withholding import Side
from enrollment.usecases.withholdings import BatchView, ResultView, Withholdings


class NewBatch(Body):
    pool: str
    period: str
    side: Side


def withholdings_router(withholdings: Withholdings) -> APIRouter:
    router = APIRouter(tags=["withholding"], prefix="/withholding-batches")

    @router.post("", status_code=201)
    async def make(caller: Clerk, asked: Asked, body: NewBatch) -> BatchView:
        """Ask the account, pension or tax side for what is still owed of a month (代扣批次)."""
        month = month_of(body.period, "period")
        return await withholdings.make(caller=caller, asked=asked, pool=body.pool, month=month, side=body.side)

    @router.get("/{batch_id}")
    async def made(caller: RunReader, batch_id: UUID) -> BatchView:
        return await withholdings.get(caller=caller, batch_id=batch_id)

    @router.get("/{batch_id}/file")
    async def file(caller: Clerk, request: Request, batch_id: UUID, format: Literal["csv", "xlsx"] = "csv") -> Response:
        """The batch as that side reads it; taking it out is audited."""
        content = await withholdings.file(caller=caller, origin=origin_of(request), batch_id=batch_id, form=format)
        disposition = f'attachment; filename="withholding-{batch_id}.{format}"'
        return Response(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": disposition})

    @router.post("/{batch_id}/result", status_code=201, openapi_extra=FILE_BODY)
    async def answer(
        caller: Receiver,
        upload: Annotated[Upload, uploaded(bytes_max=FILE_BYTES_MAX)],
        batch_id: UUID,
        received_on: date,
        reference: Annotated[str, Query(min_length=1, max_length=200)],
    ) -> ResultView:
        """Match the side's result file (回盘) line by line; sent again it doubles nothing."""
        return await withholdings.answer(
            caller=caller,
            asked=upload.asked,
            batch_id=batch_id,
            content=upload.file.read(),
            received_on=received_on,
            reference=reference,
        )

    @router.post("/{batch_id}/close")
    async def close(caller: Clerk, asked: Asked, batch_id: UUID) -> BatchView:
        """Count what was never answered as failed, so that it can be asked for again."""
        return await withholdings.close(caller=caller, asked=asked, batch_id=batch_id)

    return router
