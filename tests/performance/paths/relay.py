"""Events a second from the outbox onto the bus, beside a COPY into the log and beside aiokafka producing the same."""

import asyncio
from collections.abc import Sequence
from datetime import date

from aiokafka import AIOKafkaProducer
from changhu_common.bus.kafka import LINGER_MILLISECONDS
from changhu_common.bus.port import Bus, Message
from changhu_common.bus.postgres import SCHEMA, partition_of
from changhu_common.database import Actor
from changhu_common.events import Envelope
from changhu_common.events.cloudevents import encode
from changhu_common.events.ledger import JournalPosted, PostedLine
from changhu_common.ids import new_id
from fund_ledger.app import SERVICE
from psycopg.types.json import Jsonb

from tests.performance.figures import Figure, Rate
from tests.performance.ground import COUNTY, NOW, POOL, Ground, publish, stopwatch

SIZES = (4_000, 16_000)
QUICK = 500

EMITTED_AT_ONCE = 5_000


async def measure(ground: Ground, size: int) -> list[Figure]:
    events = [_posted() for _ in range(size)]
    messages = [encode(Envelope(id=new_id(), source="bench", time=NOW, event=each)) for each in events]
    copied = Rate.of("COPY into the log", size, await _copied(ground, messages))
    to_log = Rate.of("relay to the PostgreSQL log", size, await _relayed(ground, events, None))
    to_kafka, produced = await _on_kafka(ground, events, messages)
    return [
        Figure(unit="events", size=size, ours=to_log, baselines=[copied]),
        Figure(unit="events", size=size, ours=to_kafka, baselines=[produced]),
    ]


async def _on_kafka(ground: Ground, events: Sequence[JournalPosted], messages: Sequence[Message]) -> tuple[Rate, Rate]:
    ours, theirs = "relay to Kafka", "aiokafka, idempotent, acks=all"
    if not ground.broker.real:
        why = ground.broker.how
        return Rate(what=ours, per_second=None, why_not=why), Rate(what=theirs, per_second=None, why_not=why)
    async with ground.kafka() as bus:
        await publish(bus, messages[:100])  # leaders, connections and the producer's id are not what is measured
        relayed = await _relayed(ground, events, bus)
        produced = await _produced(ground, messages)
    return Rate.of(ours, len(events), relayed), Rate.of(theirs, len(messages), produced)


async def _relayed(ground: Ground, events: Sequence[JournalPosted], bus: Bus | None) -> float:
    """The seconds in which a service's relay empties its outbox."""
    async with ground.running(SERVICE, bus=bus) as ledger:
        for first in range(0, len(events), EMITTED_AT_ONCE):
            async with ledger.database.change(Actor("bench", "bench")) as transaction:
                transaction.emit(*events[first : first + EMITTED_AT_ONCE])
        ground.checkpoint()
        with stopwatch() as watch:
            told = await ledger.worker.relay.drain()
        assert told == len(events)
    return watch.seconds


async def _copied(ground: Ground, messages: Sequence[Message]) -> float:
    """The same messages into the log's own table, all in one statement: nothing allocated, nobody told."""
    async with ground.plain(SCHEMA) as connection:
        with stopwatch() as watch:
            async with (
                connection.cursor() as cursor,
                cursor.copy(
                    'COPY message (topic, partition, "offset", key, headers, value) FROM STDIN (FORMAT BINARY)'
                ) as copy,
            ):
                copy.set_types(["text", "int4", "int8", "text", "jsonb", "bytea"])
                for offset, each in enumerate(messages):
                    place = (each.topic, partition_of(each.key), offset)
                    await copy.write_row((*place, each.key, Jsonb(dict(each.headers)), each.value))
    return watch.seconds


async def _produced(ground: Ground, messages: Sequence[Message]) -> float:
    """aiokafka with the bus's promises and nothing around it, everything handed over at once."""
    producer = AIOKafkaProducer(
        bootstrap_servers=ground.broker.bootstrap, enable_idempotence=True, acks="all", linger_ms=LINGER_MILLISECONDS
    )
    await producer.start()
    try:
        with stopwatch() as watch:
            sent = [
                await producer.send(
                    each.topic,
                    key=each.key.encode(),
                    value=each.value,
                    headers=[(name, text.encode()) for name, text in each.headers.items()],
                )
                for each in messages
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return watch.seconds


def _posted() -> JournalPosted:
    day = date(NOW.year, NOW.month, NOW.day)
    lines = tuple(PostedLine(account=name, county=COUNTY, amount_fen=fen) for name, fen in (("a", 100), ("b", -100)))
    return JournalPosted(
        journal_id=new_id(),
        pool=POOL,
        source="bench",
        source_event_id=new_id(),
        happened_on=day,
        booked_on=day,
        lines=lines,
    )
