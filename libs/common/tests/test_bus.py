"""What a bus promises, proven on both adapters: order per key, nothing lost, one owner a partition."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from changhu_common.bus.kafka import KafkaBus
from changhu_common.bus.port import BATCH_MESSAGES_MAX, Bus, Message, Reader
from changhu_common.bus.postgres import SCHEMA, PostgresBus
from changhu_standalone.postgres import EmbeddedPostgres

_names = itertools.count(1)


@pytest.fixture(params=["postgres", "kafka"])
async def bus(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, fresh_database: Callable[..., str]
) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "postgres":
        url = postgres.url(fresh_database("bus"))
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA)
        made = PostgresBus(url)
    else:
        made = KafkaBus(request.getfixturevalue("kafka_protocol").bootstrap)
    yield made
    await made.close()


@pytest.fixture
async def topic(bus: Bus) -> str:
    name = f"topic-{next(_names)}"
    await bus.create_topics([name])
    return name


def messages(topic: str, count: int, *, keys: int = 7) -> list[Message]:
    return [Message(topic, f"key-{n % keys}", {"ce_id": str(n)}, str(n).encode()) for n in range(count)]


async def read_all(reader: Reader, count: int, *, commit: bool = True) -> list[Message]:
    """Read until `count` messages came; fails when they do not come."""
    came: list[Message] = []
    async with asyncio.timeout(30):
        while len(came) < count:
            batch = await reader.read(wait_seconds=0.5)
            came += [each.message for each in batch.delivered]
            if commit:
                await reader.commit(batch)
    return came


async def test_a_message_comes_as_it_was_sent(bus: Bus, topic: str) -> None:
    sent = Message(topic, "人", {"ce_type": "x.v1", "note": "长护"}, "值".encode())
    await bus.publish([sent])
    async with bus.reader(group="g", topics=[topic]) as reader:
        assert await read_all(reader, 1) == [sent]


async def test_messages_of_one_key_stay_in_order_and_none_is_lost(bus: Bus, topic: str) -> None:
    sent = messages(topic, 3 * BATCH_MESSAGES_MAX)
    for first in range(0, len(sent), 400):
        await bus.publish(sent[first : first + 400])
    async with bus.reader(group="g", topics=[topic]) as reader:
        came = await read_all(reader, len(sent))
    assert len(came) == len(sent)
    for key in {message.key for message in sent}:
        assert [m.value for m in came if m.key == key] == [m.value for m in sent if m.key == key]


async def test_a_group_goes_on_where_it_committed(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, 10))
    async with bus.reader(group="g", topics=[topic]) as reader:
        await read_all(reader, 10)
    await bus.publish([Message(topic, "later", {}, b"later")])
    async with bus.reader(group="g", topics=[topic]) as reader:
        assert [m.value for m in await read_all(reader, 1)] == [b"later"]


async def test_what_was_not_committed_is_read_again(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, 10))
    async with bus.reader(group="g", topics=[topic]) as reader:
        await read_all(reader, 10, commit=False)
    async with bus.reader(group="g", topics=[topic]) as reader:
        assert len(await read_all(reader, 10)) == 10


async def test_a_reader_can_go_back_to_what_was_committed(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, 10, keys=1))
    async with bus.reader(group="g", topics=[topic]) as reader:
        first = await read_all(reader, 10, commit=False)
        await reader.rewind()
        assert await read_all(reader, 10) == first


async def test_two_groups_each_read_everything(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, 20))
    for group in ("one", "other"):
        async with bus.reader(group=group, topics=[topic]) as reader:
            assert len(await read_all(reader, 20)) == 20


async def test_the_lag_is_what_was_written_and_not_committed(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, 12))
    assert [each.messages for each in await bus.lag(group="g", topics=[topic])] == [12]
    async with bus.reader(group="g", topics=[topic]) as reader:
        await read_all(reader, 12)
        assert [each.messages for each in await bus.lag(group="g", topics=[topic])] == [0]


async def test_a_partition_has_one_reader_in_a_group_and_another_takes_over(bus: Bus, topic: str) -> None:
    sent = messages(topic, 60, keys=20)
    await bus.publish(sent)
    came: list[bytes] = []

    async def read(seconds: float) -> None:
        async with bus.reader(group="g", topics=[topic]) as reader:
            end = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end:
                batch = await reader.read(wait_seconds=0.2)
                await reader.commit(batch)
                came.extend(each.message.value for each in batch.delivered)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(read(1.0))
        tasks.create_task(read(8.0))
        await asyncio.sleep(2.0)
        await bus.publish([Message(topic, f"late-{n}", {}, f"late-{n}".encode()) for n in range(10)])
    assert sorted(came) == sorted([m.value for m in sent] + [f"late-{n}".encode() for n in range(10)])


@pytest.mark.parametrize("bus", ["postgres"], indirect=True)  # Kafka's client asks for 40 s whether it is there yet
async def test_publishing_to_a_topic_that_does_not_exist_fails(bus: Bus) -> None:
    with pytest.raises(LookupError, match="no-such-topic"):
        await bus.publish([Message("no-such-topic", "k", {}, b"")])
