"""A file that is sent goes to disk as it comes, so that memory stays what it is however large the file.

On disk it has no name, is its owner's alone, and is gone with the request.
"""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Final, cast

from fastapi import Depends, Header, Request
from starlette.requests import ClientDisconnect

from changhu_common.auth import authenticated
from changhu_common.bulk_files import InvalidFile
from changhu_common.database import AskedChange
from changhu_common.requests import KEY_DESCRIPTION, asked_change, named, refuse_without_key
from changhu_common.roles import Caller

MEGABYTE = 1024 * 1024
# What is smaller never touches the disk.
MEMORY_BYTES_MAX = MEGABYTE
# What such a route's page says of its body: the file itself.
FILE_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came as the body of a request: `file` stands at its beginning, `size` is in bytes."""

    asked: AskedChange
    file: BinaryIO
    size: int


def uploaded(*, bytes_max: int) -> Any:
    """The dependency of a route whose body is a file of at most so many bytes."""
    return Depends(_receiving(bytes_max))


def _receiving(bytes_max: int) -> Callable[..., AsyncIterator[Upload]]:
    async def receive(
        request: Request,
        caller: Annotated[Caller, Depends(authenticated)],
        idempotency_key: Annotated[str | None, Header(description=KEY_DESCRIPTION)] = None,
    ) -> AsyncIterator[Upload]:
        key = refuse_without_key(idempotency_key)
        _refuse_larger(int(request.headers.get("content-length") or 0), bytes_max)
        digest = hashlib.sha256(named(request))
        with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX) as file:
            size = 0
            try:
                async for piece in request.stream():
                    size += len(piece)
                    _refuse_larger(size, bytes_max)
                    digest.update(piece)
                    file.write(piece)
            except ClientDisconnect as gone:
                raise InvalidFile("上传中途断开；请重新上传，不会重复登记") from gone
            file.seek(0)
            asked = asked_change(request, caller, key=key, body_hash=digest.digest())
            yield Upload(asked=asked, file=cast(BinaryIO, file), size=size)

    return receive


def _refuse_larger(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise InvalidFile(f"文件超过 {bytes_max // MEGABYTE} MB；请拆分后分批上传")
