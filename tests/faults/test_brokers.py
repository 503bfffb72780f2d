"""With three copies of every topic, a broker's death loses, doubles and reorders nothing for those who use the bus."""

import asyncio
import logging

import pytest
from changhu_common.bus.kafka import KafkaBus
from changhu_common.bus.port import BATCH_MESSAGES_MAX, Message

from tests.support.kafka import Cluster

EVENTS = 20_000
KEYS = 100
SECONDS_MAX = 120


async def test_one_of_three_brokers_killed_under_load_loses_doubles_and_reorders_nothing(
    kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiokafka")  # it reports every refused connection as an error
    bus = KafkaBus(kafka_cluster.bootstrap)
    await bus.create_topics(["killed"])
    came: dict[str, list[int]] = {}
    committed_all = asyncio.Event()

    async def read() -> None:
        async with bus.reader(group="g", topics=["killed"]) as reader:
            while sum(map(len, came.values())) < EVENTS:
                batch = await reader.read(wait_seconds=0.5)
                for each in batch.delivered:
                    came.setdefault(each.message.key, []).append(int(each.message.value))
                await reader.commit(batch)
            # What was doubled would still come.
            assert not (await reader.read(wait_seconds=2)).delivered
            committed_all.set()

    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        for first in range(0, EVENTS, BATCH_MESSAGES_MAX):
            batch = [
                Message("killed", str(n % KEYS), {"ce_id": str(n)}, str(n).encode())
                for n in range(first, first + BATCH_MESSAGES_MAX)
            ]
            publishing = tasks.create_task(bus.publish(batch))
            if first == EVENTS // 2:
                await asyncio.sleep(0)
                kafka_cluster.kill(1)
            await publishing
    assert committed_all.is_set()
    assert came == {str(key): list(range(key, EVENTS, KEYS)) for key in range(KEYS)}
    assert [lag.messages for lag in await bus.lag(group="g", topics=["killed"])] == [0]
    await bus.close()
