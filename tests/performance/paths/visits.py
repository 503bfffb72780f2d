"""Visits a second from the event on the bus to the decided line, beside aiokafka's own transactional loop.

The month's visits come in order of time, each batch about other persons, and each visit has its
person's whole month decided again.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from changhu_common.bus.port import BATCH_MESSAGES_MAX, Message
from settlement.app import SERVICE
from sqlalchemy import text

from tests.performance.care_month import CareMonth, care_month
from tests.performance.figures import Figure, Rate
from tests.performance.ground import READ_SECONDS_MAX, Ground, consume, pass_over, publish, statements_of
from tests.support.running import Running

SIZES = (3_000, 12_000)
QUICK = 240

FROM_LOG, FROM_KAFKA = "from the PostgreSQL log to lines", "from Kafka to lines"
LOOP = "aiokafka consume-transform-produce"


async def measure(ground: Ground, size: int) -> list[Figure]:
    month = care_month(size)
    looped = await _loop(ground, month.visits)
    async with ground.running(SERVICE) as settlement:
        from_log = await _heard(ground, settlement, month, FROM_LOG, looped)
    if not ground.broker.real:
        why = Rate(what=FROM_KAFKA, per_second=None, why_not=ground.broker.how)
        return [from_log, Figure(unit="visits", size=size, ours=why, baselines=[looped])]
    async with ground.kafka() as bus, ground.running(SERVICE, bus=bus) as settlement:
        await pass_over(settlement)
        return [from_log, await _heard(ground, settlement, month, FROM_KAFKA, looped)]


async def _heard(ground: Ground, settlement: Running, month: CareMonth, what: str, looped: Rate) -> Figure:
    await publish(settlement.resources.bus, month.facts)
    await consume(settlement, len(month.facts))
    await publish(settlement.resources.bus, month.visits)
    ground.checkpoint()
    visits = len(month.visits)
    with statements_of(settlement) as asked:
        seconds = await consume(settlement, visits)
    async with settlement.database.read() as connection:
        decided = text("SELECT count(DISTINCT visit_id) FROM line WHERE status IN ('paid', 'not_paid')")
        assert await connection.scalar(decided) == visits
    return Figure(
        unit="visits",
        size=visits,
        ours=Rate.of(what, visits, seconds),
        baselines=[looped],
        beside={
            "SQL statements per visit": asked.count / visits,
            "visits/s of SQL alone": visits / asked.seconds,
            "share of SQL": asked.seconds / seconds,
        },
    )


async def _loop(ground: Ground, messages: Sequence[Message]) -> Rate:
    """Read a batch, read and write its JSON, send it on and commit both as one transaction: no database, no rule."""
    if not ground.broker.real:
        return Rate(what=LOOP, per_second=None, why_not=ground.broker.how)
    run = f"bench-{uuid4()}"  # topics and a group of its own, also on a broker that others used
    source, target = f"{run}-in", f"{run}-out"
    async with ground.kafka() as bus:
        await bus.create_topics([source, target])
        await publish(bus, [replace(each, topic=source) for each in messages])
    bootstrap = ground.broker.bootstrap
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=run,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=BATCH_MESSAGES_MAX,
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=run)
    await consumer.start()
    await producer.start()
    try:
        done, began = 0, 0.0
        while done < len(messages):
            records = await consumer.getmany(timeout_ms=int(1_000 * READ_SECONDS_MAX), max_records=BATCH_MESSAGES_MAX)
            began = began or time.perf_counter()
            async with producer.transaction():
                for record in (each for of_partition in records.values() for each in of_partition):
                    value = json.dumps(json.loads(record.value), ensure_ascii=False).encode()
                    await producer.send(target, key=record.key, value=value, headers=list(record.headers))
                    done += 1
                ends = {TopicPartition(at.topic, at.partition): each[-1].offset + 1 for at, each in records.items()}
                await producer.send_offsets_to_transaction(ends, run)
        return Rate.of(LOOP, done, time.perf_counter() - began)
    finally:
        await producer.stop()
        await consumer.stop()
