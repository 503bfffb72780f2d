"""A new key is added while the service runs; the rows move over to it, and then the old key may go."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from changhu_common.field_encryption import FieldKey, IndexKey
from changhu_common.rekeying import Rekeying
from changhu_common.roles import Caller, Grant, Role
from changhu_common.settings import ServiceSettings
from enrollment.storage.identities import Identities
from enrollment.usecases.persons import Persons
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
CLERK = Caller("clerk", "clerk", (Grant(Role.ENROLLMENT_CLERK, "211100"),))
PEOPLE = 12


@pytest.fixture
def both(enrollment: Running) -> ServiceSettings:
    """The settings with a new key beside the old one, and made current."""
    before = enrollment.resources.settings
    return before.model_copy(
        update={
            "field_keys": {**before.field_keys, "k2": SecretStr(FieldKey.generated().written())},
            "field_key_current": "k2",
            "index_keys": {**before.index_keys, "2": SecretStr(IndexKey.generated().written())},
            "index_key_current": "2",
        }
    )


@pytest.fixture
def new(both: ServiceSettings) -> ServiceSettings:
    """The settings after the old keys have gone."""
    return both.model_copy(
        update={"field_keys": {"k2": both.field_keys["k2"]}, "index_keys": {"2": both.index_keys["2"]}}
    )


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("changhu_common.rekeying.ROWS_PER_STEP", 5)


async def moved(enrollment: Running, settings: ServiceSettings) -> int:
    """Move everything; how many rows are left."""
    rekeying: Rekeying = Identities(settings).rekeying(enrollment.database)
    return sum([await rekeying.move(rows, asyncio.Event()) for rows in rekeying.tables])


async def found(enrollment: Running, settings: ServiceSettings, number: str) -> list[UUID]:
    persons = Persons(enrollment.database, Identities(settings))
    views = await persons.search(caller=CLERK, resident_number=number, today=date(2026, 7, 1))
    return [view.person_id for view in views]


async def test_every_row_moves_over_and_then_the_old_key_may_go(
    enrollment: Running,
    enrol: Enrol,
    people: SimpleNamespace,
    clerk: dict[str, str],
    both: ServiceSettings,
    new: ServiceSettings,
) -> None:
    ids = [(await enrol(n, phone="13904270000" if n % 2 else None))["person_id"] for n in range(PEOPLE)]
    bad = people.csv(people.row(90, 县区="999999"))
    sent = await enrollment.post("/persons/imports", clerk, content=bad, params={"format": "csv", "choice": "good"})
    assert sent.is_success, sent.text
    assert await found(enrollment, new, people.number(3)) == []
    assert await found(enrollment, both, people.number(3)) == [UUID(ids[3])]
    assert await moved(enrollment, both) == 0
    for n, person_id in enumerate(ids):
        assert await found(enrollment, new, people.number(n)) == [UUID(person_id)]
    async with enrollment.database.read() as connection:
        rows = await connection.execute(text("SELECT name, resident_number, identity_index FROM person"))
        heads = {(row.name[:15], row.resident_number[:15], row.identity_index[:2]) for row in rows}
        cells = await connection.scalar(text("SELECT cells FROM rejected_row"))
    assert heads == {(b"aes-256-gcm:k2:", b"aes-256-gcm:k2:", b"2:")}
    assert cells.startswith(b"aes-256-gcm:k2:")


async def test_moving_tells_nothing_and_is_audited_with_how_many(
    enrollment: Running, enrol: Enrol, both: ServiceSettings
) -> None:
    for n in range(PEOPLE):
        await enrol(n)
    before = await enrollment.told()
    await moved(enrollment, both)
    await moved(enrollment, both)
    assert await enrollment.told() == before
    async with enrollment.database.read() as connection:
        steps = await connection.scalars(text("SELECT after FROM audit WHERE action = 'rows.rekeyed' ORDER BY id"))
        assert [step["rows"] for step in steps] == [5, 5, 2]
        assert await connection.scalar(text("SELECT max(revision) FROM person")) == 1


async def test_a_row_that_no_key_opens_is_left_and_the_others_move(
    enrollment: Running, enrol: Enrol, people: SimpleNamespace, both: ServiceSettings, new: ServiceSettings
) -> None:
    ids = [UUID((await enrol(n))["person_id"]) for n in range(PEOPLE)]
    async with enrollment.database.engine.begin() as connection:
        await connection.execute(text("UPDATE person SET name = '\\x00' WHERE id = :id"), {"id": min(ids)})
    assert await moved(enrollment, both) == 1
    others = [n for n in range(PEOPLE) if ids[n] != min(ids)]
    assert [await found(enrollment, new, people.number(n)) for n in others] == [[ids[n]] for n in others]


async def test_a_row_in_somebodys_hands_waits_for_the_next_look(
    enrollment: Running, enrol: Enrol, both: ServiceSettings
) -> None:
    (held, *_) = [UUID((await enrol(n))["person_id"]) for n in range(3)]
    async with enrollment.database.engine.begin() as connection:
        await connection.execute(text("SELECT 1 FROM person WHERE id = :id FOR UPDATE"), {"id": held})
        assert await moved(enrollment, both) == 1
    assert await moved(enrollment, both) == 0
