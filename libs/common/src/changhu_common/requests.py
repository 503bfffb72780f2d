"""A request that changes something carries an Idempotency-Key; sent again it gets its first answer.

The key is remembered per caller and route, with a hash of the path, the query and the body, in the
transaction of the effect.
"""

import hashlib
from typing import Annotated

from fastapi import Depends, Header, Request

from changhu_common.auth import authenticated
from changhu_common.database import Actor, AskedChange
from changhu_common.errors import Refusal
from changhu_common.roles import Caller

KEY_CHARACTERS_MAX = 200


class KeyMissing(Refusal):
    """The request has no usable Idempotency-Key."""

    code = "idempotency.key_missing"
    title = "缺少幂等键"
    status = 400


def origin_of(request: Request) -> str:
    """Where a request comes from, for the audit row."""
    return request.client.host if request.client else "unknown"


async def _asked(
    request: Request,
    caller: Annotated[Caller, Depends(authenticated)],
    idempotency_key: Annotated[str | None, Header(description="每个新请求一个, 重发时不变")] = None,
) -> AskedChange:
    if not idempotency_key or len(idempotency_key) > KEY_CHARACTERS_MAX:
        raise KeyMissing(f"请在请求头 Idempotency-Key 中给出不超过 {KEY_CHARACTERS_MAX} 个字符的幂等键。")
    digest = hashlib.sha256()
    digest.update(f"{request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    route = request.scope["route"]
    return AskedChange(
        actor=Actor(subject=caller.subject, origin=origin_of(request)),
        route=f"{request.method} {route.path}",
        key=idempotency_key,
        body_hash=digest.digest(),
        status=route.status_code or 200,
    )


Asked = Annotated[AskedChange, Depends(_asked)]
