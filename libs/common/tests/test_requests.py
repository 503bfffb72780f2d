"""A request under a key takes effect once and gets its first answer again; whatever is refused leaves nothing."""

import asyncio
from uuid import uuid4

import pytest
from changhu_common.roles import Role
from note_service import NOTES
from sqlalchemy import text

from tests.support.running import Deploy, Running


@pytest.fixture
async def notes(deploy: Deploy) -> Running:
    return await deploy(NOTES)


def operator(notes: Running, subject: str | None = None) -> dict[str, str]:
    return notes.token(Role.OPERATOR, region="000000", subject=subject)


async def count(notes: Running, table: str) -> int:
    async with notes.database.read() as connection:
        return (await connection.scalar(text(f"SELECT count(*) FROM {table}"))) or 0


async def test_state_audit_and_event_are_written_together(notes: Running) -> None:
    entry = {"id": str(uuid4()), "text": "a"}
    answer = await notes.post("/notes", operator(notes), entry)
    assert answer.status_code == 201
    assert answer.json() == entry
    assert [await count(notes, table) for table in ("note", "audit", "outbox", "request")] == [1, 1, 1, 1]


async def test_a_refused_request_leaves_nothing(notes: Running) -> None:
    answer = await notes.post("/notes", operator(notes), {"id": str(uuid4()), "text": "refuse"})
    assert answer.status_code == 404
    assert [await count(notes, table) for table in ("note", "audit", "outbox", "request")] == [0, 0, 0, 0]


async def test_a_character_that_cannot_be_stored_is_refused_with_what_to_do(notes: Running) -> None:
    answer = await notes.post("/notes", operator(notes), {"id": str(uuid4()), "text": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")
    assert "删去" in answer.json()["detail"]
    assert [await count(notes, table) for table in ("note", "audit", "outbox", "request")] == [0, 0, 0, 0]


async def test_the_same_request_again_gets_the_first_answer(notes: Running) -> None:
    entry = {"id": str(uuid4()), "text": "a"}
    first = await notes.post("/notes", operator(notes), entry, key="k")
    again = await notes.post("/notes", operator(notes), entry, key="k")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await count(notes, "note") == 1


async def test_a_key_with_another_body_is_refused(notes: Running) -> None:
    await notes.post("/notes", operator(notes), {"id": str(uuid4()), "text": "a"}, key="k")
    answer = await notes.post("/notes", operator(notes), {"id": str(uuid4()), "text": "b"}, key="k")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency.key_reused"


async def test_a_key_is_one_caller_s_own(notes: Running) -> None:
    for subject in ("one", "other"):
        entry = {"id": str(uuid4()), "text": subject}
        answer = await notes.post("/notes", operator(notes, subject), entry, key="k")
        assert answer.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_without_a_usable_key_nothing_is_changed(notes: Running, key: str) -> None:
    headers = {**operator(notes), **({"Idempotency-Key": key} if key else {})}
    answer = await notes.client.post("/notes", headers=headers, json={"id": str(uuid4()), "text": "a"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency.key_missing"


async def test_of_many_equal_requests_at_once_one_takes_effect(notes: Running) -> None:
    entry = {"id": str(uuid4()), "text": "a"}
    answers = await asyncio.gather(*(notes.post("/notes", operator(notes), entry, key="k") for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency.running"}
    assert await count(notes, "note") == 1


async def test_without_a_token_it_is_401_and_without_the_role_403(notes: Running) -> None:
    nobody = await notes.get(f"/notes/{uuid4()}", {})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "auth.token_invalid")
    assert nobody.headers["WWW-Authenticate"] == "Bearer"
    clerk = await notes.get(f"/notes/{uuid4()}", notes.token(Role.ENROLLMENT_CLERK))
    assert (clerk.status_code, clerk.json()["code"]) == (403, "auth.role_missing")


async def test_every_error_is_a_problem(notes: Running) -> None:
    answers = [
        await notes.get("/no-such-route", operator(notes)),
        await notes.post("/notes", operator(notes), {"id": "no uuid"}),
        await notes.get("/broken", operator(notes)),
    ]
    assert [answer.status_code for answer in answers] == [404, 422, 500]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "code"} <= answer.json().keys()
    assert {error["field"] for error in answers[1].json()["errors"]} == {"id", "text"}
    assert "21110219800101123X" not in answers[2].text


async def test_a_service_says_that_it_is_ready(notes: Running) -> None:
    assert (await notes.client.get("/health/ready")).json() == {"service": "notes", "status": "ready"}
