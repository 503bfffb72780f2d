"""A request that changes something carries an Idempotency-Key; sent again it gets its first answer.

The key is remembered per caller and route, with a hash of the path, the query and the body, in the
transaction of the effect.
"""

import hashlib
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import AfterValidator

from changhu_common.auth import authenticated
from changhu_common.database import Actor, AskedChange
from changhu_common.errors import Refusal
from changhu_common.periods import Month
from changhu_common.roles import Caller

KEY_CHARACTERS_MAX = 200
KEY_DESCRIPTION = "每个新请求一个, 重发时不变"

# What is asked for beyond it is a slip of the keyboard, and a calendar's very last month has none after it.
LAST_MONTH = Month(2199, 12)


class KeyMissing(Refusal):
    """The request has no usable Idempotency-Key."""

    code = "idempotency.key_missing"
    title = "缺少幂等键"
    status = 400


def origin_of(request: Request) -> str:
    """Where a request comes from, for the audit row."""
    return request.client.host if request.client else "unknown"


def refuse_without_key(key: str | None) -> str:
    """The key of a request; KeyMissing where there is none that can be used."""
    if not key or len(key) > KEY_CHARACTERS_MAX:
        raise KeyMissing(f"请在请求头 Idempotency-Key 中给出不超过 {KEY_CHARACTERS_MAX} 个字符的幂等键。")
    return key


def named(request: Request) -> bytes:
    """What a request is about, before its body."""
    return f"{request.url.path}?{request.url.query}\n".encode()


def asked_change(request: Request, caller: Caller, *, key: str, body_hash: bytes) -> AskedChange:
    """The change that a request asks for; `body_hash` is over what it is `named`, then its body."""
    route = request.scope["route"]
    return AskedChange(
        actor=Actor(subject=caller.subject, origin=origin_of(request)),
        route=f"{request.method} {route.path}",
        key=key,
        body_hash=body_hash,
        status=route.status_code or 200,
    )


async def _asked(
    request: Request,
    caller: Annotated[Caller, Depends(authenticated)],
    idempotency_key: Annotated[str | None, Header(description=KEY_DESCRIPTION)] = None,
) -> AskedChange:
    key = refuse_without_key(idempotency_key)
    digest = hashlib.sha256(named(request) + await request.body())
    return asked_change(request, caller, key=key, body_hash=digest.digest())


Asked = Annotated[AskedChange, Depends(_asked)]


def _is_month(text: str) -> str:
    try:
        month = Month.parse(text)
    except ValueError:
        raise ValueError("须为月份, 如 2026-07") from None
    if month > LAST_MONTH:
        raise ValueError(f"不能晚于 {LAST_MONTH}")
    return text


# A month of a path, a query or a body, written 2026-07.
MonthText = Annotated[str, AfterValidator(_is_month)]
