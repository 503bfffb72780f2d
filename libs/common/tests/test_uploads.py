"""A file that is sent goes to disk as it comes, nameless, and is refused as soon as it is too large."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from changhu_common.roles import Role
from changhu_common.uploads import MEGABYTE, MEMORY_BYTES_MAX
from note_service import FILE_BYTES_MAX, NOTES
from sqlalchemy import text

from tests.support.running import Deploy, Running


@pytest.fixture
async def notes(deploy: Deploy) -> Running:
    return await deploy(NOTES)


@pytest.fixture
def operator(notes: Running) -> dict[str, str]:
    return notes.token(Role.OPERATOR, region="000000")


@pytest.mark.parametrize("size", [0, 10, MEMORY_BYTES_MAX + 1])
async def test_a_file_comes_whole_and_has_no_name_on_disk(notes: Running, operator: dict[str, str], size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    answer = await notes.post("/files", operator, content=content)
    assert answer.json() == {"digest": hashlib.sha256(content).hexdigest(), "size": size, "names": 0}


async def test_a_file_sent_again_under_its_key_gets_the_first_answer_and_another_is_refused(
    notes: Running, operator: dict[str, str]
) -> None:
    first, again = [await notes.post("/files", operator, content=b"a", key="k") for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await notes.post("/files", operator, content=b"b", key="k")
    assert other.json()["code"] == "idempotency.key_reused"
    missing = await notes.client.post("/files", headers=operator, content=b"a")
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency.key_missing")


async def test_the_page_of_the_interface_says_that_the_body_is_the_file(notes: Running) -> None:
    page = (await notes.client.get("/openapi.json")).json()
    assert list(page["paths"]["/files"]["post"]["requestBody"]["content"]) == ["application/octet-stream"]


async def test_a_sender_who_goes_away_leaves_nothing_and_is_no_failure_of_ours(
    notes: Running, operator: dict[str, str]
) -> None:
    headers = {**operator, "Idempotency-Key": "k"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/files",
        "raw_path": b"/files",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
    }
    heard: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    )
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(heard)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await notes.client._transport.app(scope, receive, send)  # type: ignore[attr-defined]
    assert said[0]["status"] == 422
    async with notes.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM request")) == 0


async def test_a_file_that_is_too_large_is_refused_whether_it_says_so_or_not(
    notes: Running, operator: dict[str, str]
) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += MEGABYTE
            yield bytes(MEGABYTE)

    announced = await notes.post("/files", operator, content=bytes(FILE_BYTES_MAX + 1))
    unannounced = await notes.post("/files", operator, content=pieces())
    for answer in (announced, unannounced):
        assert (answer.status_code, answer.json()["code"]) == (422, "file.invalid")
        assert "2 MB" in answer.json()["detail"]
    assert sent < 10 * MEGABYTE
