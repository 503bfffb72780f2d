"""What the outbox holds is told, in order, at least once, by one relay at a time."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

import psycopg
import pytest
from changhu_common.bus.port import BATCH_MESSAGES_MAX, Message
from changhu_common.bus.postgres import SCHEMA, PostgresBus
from changhu_common.database import Actor
from changhu_common.events.provider import PricesPublished
from changhu_common.relay import Relay
from changhu_standalone.postgres import EmbeddedPostgres
from note_service import NOTES
from sqlalchemy import text

from tests.support.running import Deploy, Running

ME = Actor("test", "test")


@pytest.fixture
async def notes(deploy: Deploy) -> Running:
    return await deploy(NOTES)


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, fresh_database: Callable[..., str]) -> PostgresBus:
    url = postgres.url(fresh_database("bus"))
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    made = PostgresBus(url)
    await made.create_topics(["provider.organization"])
    return made


async def emit(notes: Running, *revisions: int, key: object) -> None:
    async with notes.database.change(ME) as transaction:
        transaction.emit(
            *(PricesPublished(organization_id=key, pool="211100", revision=n, prices=()) for n in revisions)
        )


async def heard(bus: PostgresBus) -> list[Message]:
    came: list[Message] = []
    async with bus.reader(group="test", topics=["provider.organization"]) as reader:
        while (batch := await reader.read(wait_seconds=0)).delivered:
            came += [each.message for each in batch.delivered]
    return came


async def unpublished(notes: Running) -> int:
    async with notes.database.read() as connection:
        return (await connection.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL"))) or 0


async def test_everything_in_the_outbox_is_told_in_its_order(notes: Running, bus: PostgresBus) -> None:
    key = uuid4()
    await emit(notes, *range(1, 1201), key=key)
    relay = Relay(database=notes.database, bus=bus)
    assert await relay.drain() == 1200
    assert await unpublished(notes) == 0
    revisions = [PricesPublished.model_validate_json(m.value).revision for m in await heard(bus)]
    assert revisions == list(range(1, 1201))
    await bus.close()


async def test_a_relay_that_failed_between_telling_and_marking_tells_again(notes: Running, bus: PostgresBus) -> None:
    await emit(notes, 1, 2, key=uuid4())

    class Dies(PostgresBus):
        async def publish(self, messages: object) -> None:
            await bus.publish(messages)  # type: ignore[arg-type]
            raise ConnectionError("died after telling")

    with pytest.raises(ConnectionError):
        await Relay(database=notes.database, bus=Dies("unused")).drain()
    assert await unpublished(notes) == 2
    await Relay(database=notes.database, bus=bus).drain()
    ids = [m.headers["ce_id"] for m in await heard(bus)]
    assert len(ids) == 4
    assert len(set(ids)) == 2
    await bus.close()


async def test_what_was_told_of_many_before_a_failure_is_not_told_again(notes: Running, bus: PostgresBus) -> None:
    await emit(notes, *range(1, BATCH_MESSAGES_MAX + 101), key=uuid4())
    told: list[Message] = []

    class Dies(PostgresBus):
        async def publish(self, messages: Sequence[Message]) -> None:
            if told:
                raise ConnectionError("died before telling")
            told.extend(messages)
            await bus.publish(messages)

    with pytest.raises(ConnectionError):
        await Relay(database=notes.database, bus=Dies("unused")).drain()
    assert await unpublished(notes) == 100
    assert await Relay(database=notes.database, bus=bus).drain() == 100
    assert len(await heard(bus)) == BATCH_MESSAGES_MAX + 100
    await bus.close()


async def test_two_relays_tell_everything_once_and_in_order(notes: Running, bus: PostgresBus) -> None:
    key = uuid4()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(Relay(database=notes.database, bus=bus).run(stop))
        for n in range(1, 51):
            await emit(notes, n, key=key)
        async with asyncio.timeout(20):
            while await unpublished(notes):
                await asyncio.sleep(0.02)
        stop.set()
    assert [PricesPublished.model_validate_json(m.value).revision for m in await heard(bus)] == list(range(1, 51))
    await bus.close()


async def test_what_was_rolled_back_is_never_told(notes: Running, bus: PostgresBus) -> None:
    with pytest.raises(RuntimeError):
        async with notes.database.change(ME) as transaction:
            transaction.emit(PricesPublished(organization_id=uuid4(), pool="211100", revision=1, prices=()))
            raise RuntimeError
    assert await Relay(database=notes.database, bus=bus).drain() == 0
    await bus.close()
