"""Every error is problem+json (RFC 9457) with a stable code and a Chinese title that a clerk understands."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg.errors import CharacterNotInRepertoire, UntranslatableCharacter
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from changhu_common.database import AlreadyAnswered
from changhu_common.errors import FieldError, InvalidInput, Refusal
from changhu_common.reasons import reason_of

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class _Plain(Refusal):
    """What the framework refuses by itself: no such route, no such method."""

    code = "http.refused"


def problem_response(refusal: Refusal) -> JSONResponse:
    """A refusal as an answer."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return JSONResponse(refusal.problem(), refusal.status, headers, media_type=MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Answer refusals, invalid input and failures as problems, and repeated requests with their first answer."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return problem_response(refusal)

    @app.exception_handler(AlreadyAnswered)
    async def repeated(_: Request, already: AlreadyAnswered) -> Response:
        return JSONResponse(already.answer, already.status, {"Idempotent-Replayed": "true"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, invalid: RequestValidationError) -> Response:
        # The input itself is not repeated: it may hold what must not be shown.
        errors = [FieldError(_path(error["loc"]), reason_of(error)) for error in invalid.errors()]
        return problem_response(InvalidInput("请求内容不符合要求, 请按 errors 中的字段逐项改正。", errors=errors))

    @app.exception_handler(DataError)
    async def unstorable(_: Request, error: DataError) -> Response:
        if not _for_nul(error):
            raise error
        return problem_response(InvalidInput("请求中有不能保存的字符 (U+0000), 请删去后重新提交。"))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        body = _Plain(str(error.detail)).problem() | {
            "status": error.status_code,
            "code": "not_found" if error.status_code == 404 else "http.refused",
            "title": "未找到" if error.status_code == 404 else "请求被拒绝",
        }
        return JSONResponse(body, error.status_code, error.headers, media_type=MEDIA_TYPE)

    @app.exception_handler(Exception)
    async def failed(_: Request, failure: Exception) -> Response:
        log.error("request failed", exc_info=failure)
        return JSONResponse(
            {
                "type": "urn:changhu:problem:internal",
                "title": "系统内部错误",
                "status": 500,
                "code": "internal",
                "detail": "系统出现错误, 已记录。请用同一个幂等键稍后重试; 仍然失败请联系运维。",
            },
            500,
            media_type=MEDIA_TYPE,
        )


def _for_nul(error: DataError) -> bool:
    """Whether the driver or the database refused a text for a NUL, which no column holds."""
    refused = isinstance(error.orig, UntranslatableCharacter | CharacterNotInRepertoire)
    return refused or "cannot contain NUL" in str(error.orig)


def _path(location: tuple[Any, ...]) -> str:
    """A field's dotted path without the part of the request that it stands in."""
    parts = [str(part) for part in location]
    return ".".join(parts[1:] if parts and parts[0] in {"body", "query", "path", "header"} else parts)
