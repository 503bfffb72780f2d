"""The bus on Kafka: an idempotent producer with acks=all, and offsets committed by hand after the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import stamina
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.structs import OffsetAndMetadata

from changhu_common.bus.port import BATCH_MESSAGES_MAX, PARTITIONS, Batch, Delivered, Lag, Message

# A topic has this many copies, or as many as there are brokers.
REPLICATION_MAX = 3

LINGER_MILLISECONDS = 5

# How long a publish waits for the brokers before whoever relays is told, and asks again.
PUBLISH_SECONDS = 30.0

# A client whose brokers are gone may never finish closing; after this it is left behind.
CLOSE_SECONDS = 5.0

log = structlog.get_logger()


class KafkaBus:
    """Topics on a Kafka cluster."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._looker: AIOKafkaConsumer | None = None
        self._opening = asyncio.Lock()

    async def create_topics(self, topics: Sequence[str]) -> None:
        admin = await self._opened_admin()
        missing = set(topics) - set(await admin.list_topics())
        if not missing:
            return
        brokers = (await admin.describe_cluster())["brokers"]
        answer = await admin.create_topics(
            [
                NewTopic(name=name, num_partitions=PARTITIONS, replication_factor=min(REPLICATION_MAX, len(brokers)))
                for name in sorted(missing)
            ]
        )
        for name, code, *_ in answer.topic_errors:
            # Another service may have made it at the same moment.
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}")

    async def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        producer = await self._opened_producer()
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                sent = [
                    await producer.send(
                        message.topic,
                        key=message.key.encode(),
                        value=message.value,
                        headers=[(name, text.encode()) for name, text in message.headers.items()],
                    )
                    for message in messages
                ]
                await asyncio.gather(*sent)
        except TimeoutError:
            # The producer goes on trying in its order; the same messages sent again stand behind them.
            raise
        except Exception:
            # A message was refused for good; what came after it belongs to a new session.
            await self._close_producer()
            raise

    @asynccontextmanager
    async def reader(self, *, group: str, topics: Sequence[str]) -> AsyncIterator["KafkaReader"]:
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=BATCH_MESSAGES_MAX,
        )
        try:
            await consumer.start()
            yield KafkaReader(consumer)
        finally:
            await _closed(consumer.stop)

    async def lag(self, *, group: str, topics: Sequence[str]) -> list[Lag]:
        try:
            return await self._lag(group, topics)
        except (KafkaConnectionError, NodeNotReadyError):
            # The broker that these clients speak to is gone; new ones find those that are left.
            await self._close_lookers()
            return await self._lag(group, topics)

    async def _lag(self, group: str, topics: Sequence[str]) -> list[Lag]:
        admin, looker = await self._opened_admin(), await self._opened_looker()
        places = [TopicPartition(topic, number) for topic in sorted(topics) for number in range(PARTITIONS)]
        # The group's place is read before the ends: what is written in between counts as lag, never as done.
        committed = await _group_offsets(admin, group)
        ends = await looker.end_offsets(places)
        behind = dict.fromkeys(sorted(topics), 0)
        for place in places:
            known = committed.get(place)
            behind[place.topic] += ends[place] - max(known.offset if known else 0, 0)
        return [Lag(topic, messages) for topic, messages in behind.items()]

    async def close(self) -> None:
        await self._close_producer()
        await self._close_lookers()

    async def _close_lookers(self) -> None:
        if self._admin is not None:
            await _closed(self._admin.close)
            self._admin = None
        if self._looker is not None:
            await _closed(self._looker.stop)
            self._looker = None

    async def _opened_producer(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=LINGER_MILLISECONDS,
                )
                await _started(producer.start, producer.stop)
                self._producer = producer
            return self._producer

    async def _close_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _closed(producer.stop)

    async def _opened_admin(self) -> AIOKafkaAdminClient:
        async with self._opening:
            if self._admin is None:
                admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
                await _started(admin.start, admin.close)
                self._admin = admin
            return self._admin

    async def _opened_looker(self) -> AIOKafkaConsumer:
        """A consumer of no group, to ask where the partitions end."""
        async with self._opening:
            if self._looker is None:
                looker = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
                await _started(looker.start, looker.stop)
                self._looker = looker
            return self._looker


@stamina.retry(on=GroupCoordinatorNotAvailableError, attempts=20, wait_initial=0.05, wait_max=0.5)
async def _group_offsets(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Where a group stands. A cluster that never had a group makes room for them when it is asked first."""
    offsets: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
    return offsets


async def _started(start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
    try:
        await start()
    except BaseException:
        await _closed(stop)
        raise


async def _closed(stop: Callable[[], Awaitable[None]]) -> None:
    """Close a client; what it cannot finish without its brokers is read or sent again by the next one."""
    closing = asyncio.ensure_future(stop())
    await asyncio.wait([closing], timeout=CLOSE_SECONDS)
    if not closing.done():
        closing.cancel()
    elif not closing.cancelled() and (failure := closing.exception()):
        log.warning("a Kafka client did not close cleanly", error=repr(failure))


class KafkaReader:
    """A member of a consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def read(self, *, wait_seconds: float) -> Batch:
        records = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=BATCH_MESSAGES_MAX)
        return Batch(
            [
                Delivered(
                    Message(
                        topic=record.topic,
                        key=(record.key or b"").decode(errors="replace"),
                        headers={name: (text or b"").decode(errors="replace") for name, text in record.headers},
                        value=record.value or b"",
                    ),
                    partition=record.partition,
                    offset=record.offset,
                )
                for of_partition in records.values()
                for record in of_partition
            ]
        )

    async def commit(self, batch: Batch) -> None:
        ends = batch.next_offsets()
        if ends:
            await self._consumer.commit(
                {TopicPartition(topic, number): offset for (topic, number), offset in ends.items()}
            )

    async def rewind(self) -> None:
        for place in self._consumer.assignment():
            offset = await self._consumer.committed(place)
            if offset is None:  # a group that has not committed yet begins at the beginning
                await self._consumer.seek_to_beginning(place)
            else:
                self._consumer.seek(place, offset)
