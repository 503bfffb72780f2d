"""A consumer applies each event once: the event's id is recorded in the transaction of its effect.

Events come in batches and are applied in one transaction; the place in the log is committed after
it. Where a batch fails, each of its events is tried alone, and one that keeps failing is parked with
the later events of its key, so that the key keeps its order and all others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from changhu_common.bus.port import BATCH_MESSAGES_MAX, Batch, Bus, Delivered, Lag, Message, Reader
from changhu_common.database import Actor, AskedChange, AuditEntry, Database, Transaction
from changhu_common.events.cloudevents import decode
from changhu_common.events.registry import (
    DEAD_SUFFIX,
    Envelope,
    Event,
    Registry,
    Topic,
    UnknownEvent,
    UnreadableEvent,
)
from changhu_common.rows import insert_rows

Apply = Callable[[Transaction, Sequence[Envelope]], Awaitable[None]]

# A single event gets this many tries before it is parked; the first is the one in its batch.
TRIES_MAX = 3

# How long a read waits for a message before it looks whether it should stop.
READ_SECONDS = 0.5

# What a failure of the database itself is answered with, before the batch is read again.
RETRY_SECONDS = 1.0

# How often a consumer looks whether a person put parked events back.
REPLAY_LOOK_SECONDS = 1.0

# A key that is longer is no key of ours; PostgreSQL's index takes some 2,700 bytes, Kafka any number.
KEY_CHARACTERS_MAX = 500

# How much of a dead letter's error and value is shown: with its headers it must still fit into a message.
ERROR_CHARACTERS_MAX = 4_000
SHOWN_BYTES_MAX = 512 * 1024

BEHIND = "同一对象的前一事件尚未处理, 本事件按顺序等待"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service listens to, and the use case that applies a batch of it.

    `apply` gets the events of one batch that were not seen before, in order within each key, and
    must neither commit nor rely on an order between keys or topics. Of its topics it reads past the
    types in `passes`: they leave no trace.
    """

    group: str
    topics: tuple[Topic, ...]
    apply: Apply
    passes: tuple[type[Event], ...] = ()

    @property
    def topic_names(self) -> list[str]:
        return [topic.name for topic in self.topics]


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that could not be applied, or that waits behind one of its key."""

    id: int
    topic: str
    key: str
    event_id: str
    event_type: str
    error: str
    parked_at: str


@dataclass(slots=True)
class _Received:
    """A delivered message and what it was read as; `fault` says why it could not be."""

    delivered: Delivered
    envelope: Envelope | None = None
    fault: str | None = None

    @property
    def place(self) -> "Place":
        return self.delivered.message.topic, self.delivered.message.key

    def waits_behind(self, blocked: "dict[Place, int]") -> bool:
        """Whether an earlier event of its key is parked, or it is parked itself."""
        return self.delivered.offset >= blocked.get(self.place, self.delivered.offset + 1)


# A topic and a key: what stays in order. Where one is blocked, its first parked offset is kept.
Place = tuple[str, str]


class Consumer:
    """Reads a service's topics and applies them."""

    def __init__(self, *, database: Database, bus: Bus, registry: Registry, subscription: Subscription) -> None:
        self._database = database
        self._bus = bus
        self._registry = registry
        self._subscription = subscription
        self._actor = Actor(subject=f"consumer:{subscription.group}", origin="bus")
        self._next_replay_look = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; the batch in hand is finished and its place committed."""
        while not stop.is_set():
            try:
                async with self._bus.reader(
                    group=self._subscription.group, topics=self._subscription.topic_names
                ) as reader:
                    while not stop.is_set():
                        await self._step(reader)
            except Exception as failure:
                # Nothing is lost: a new member of the group begins at what was committed.
                log.warning("consumer interrupted", group=self._subscription.group, error=repr(failure))
                await asyncio.sleep(RETRY_SECONDS)

    async def _step(self, reader: Reader) -> None:
        batch = await reader.read(wait_seconds=READ_SECONDS)
        try:
            if (now := asyncio.get_running_loop().time()) >= self._next_replay_look:
                self._next_replay_look = now + REPLAY_LOOK_SECONDS
                await self.replay_asked()
            if batch.delivered:
                await self.apply_batch(batch)
        except Exception as failure:
            log.warning("batch interrupted", group=self._subscription.group, error=repr(failure))
            await reader.rewind()
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if batch.delivered:
                await reader.commit(batch)

    async def apply_batch(self, batch: Batch) -> None:
        """Apply a batch in one transaction; raises only where the database or the bus failed."""
        received = [self._read(delivered) for delivered in batch.delivered]
        async with self._database.change(self._actor) as transaction:
            await self._apply(transaction, [each for each in received if each.envelope or each.fault])

    def _read(self, delivered: Delivered) -> _Received:
        try:
            envelope = decode(delivered.message, self._registry)
            if isinstance(envelope.event, self._subscription.passes):
                return _Received(delivered)
            return _Received(delivered, envelope=envelope)
        except UnknownEvent:
            return _Received(delivered)
        except UnreadableEvent as unreadable:
            return _Received(delivered, fault=str(unreadable))

    async def _apply(self, transaction: Transaction, received: list[_Received]) -> None:
        """Apply what is new; park what cannot be read and whatever stands behind a parked event of its key."""
        blocked = await self._parked_places(transaction, received)
        ready: list[_Received] = []
        for each in received:
            if each.waits_behind(blocked):
                await self._park(transaction, each, each.fault or BEHIND)
            elif each.fault:
                blocked[each.place] = each.delivered.offset
                await self._park(transaction, each, each.fault)
            else:
                ready.append(each)
        if not ready:
            return
        try:
            await self._apply_new(transaction, ready)
        except Exception as failure:
            if _is_passing(failure):
                raise
            await self._apply_one_by_one(transaction, ready, blocked)

    async def _apply_one_by_one(
        self, transaction: Transaction, ready: list[_Received], blocked: dict[Place, int]
    ) -> None:
        for each in ready:
            if each.waits_behind(blocked):
                await self._park(transaction, each, BEHIND)
            elif failure := await self._failure_of(transaction, each):
                blocked[each.place] = each.delivered.offset
                await self._park(transaction, each, f"{type(failure).__name__}: {failure}")

    async def _failure_of(self, transaction: Transaction, each: _Received) -> Exception | None:
        """Apply one event alone; what it failed with, once it had all its tries."""
        failure: Exception | None = None
        for _ in range(TRIES_MAX - 1):
            try:
                await self._apply_new(transaction, [each])
            except Exception as failed:
                if _is_passing(failed):
                    raise
                failure = failed
            else:
                return None
        return failure

    async def _apply_new(self, transaction: Transaction, received: list[_Received]) -> None:
        """Record the ids and apply those that were not recorded before."""
        envelopes: dict[UUID, Envelope] = {}
        for each in received:
            assert each.envelope is not None
            envelopes.setdefault(each.envelope.id, each.envelope)
        async with transaction.connection.begin_nested():
            results = await insert_rows(
                transaction.connection,
                transaction.spine.inbox,
                [{"event_id": event_id} for event_id in envelopes],
                then="ON CONFLICT DO NOTHING RETURNING event_id",
            )
            new = {row.event_id for result in results for row in result}
            fresh = [envelope for event_id, envelope in envelopes.items() if event_id in new]
            if fresh:
                with transaction.undoing():
                    await self._subscription.apply(transaction, fresh)

    @staticmethod
    async def _parked_places(transaction: Transaction, received: list[_Received]) -> dict[Place, int]:
        if not received:
            return {}
        parked = transaction.spine.parked
        rows = await transaction.connection.execute(
            select(parked.c.topic, parked.c.key, func.min(parked.c.offset).label("first"))
            .where(parked.c.topic.in_({each.place[0] for each in received}))
            .group_by(parked.c.topic, parked.c.key)
        )
        return {(row.topic, row.key): row.first for row in rows}

    async def _park(self, transaction: Transaction, each: _Received, error: str) -> None:
        """Keep the event with its error, and show it on the topic's dead letters."""
        message, error = _storable(each.delivered.message), _text(error[:ERROR_CHARACTERS_MAX])
        parked = await insert_rows(
            transaction.connection,
            transaction.spine.parked,
            [
                {
                    "topic": message.topic,
                    "key": message.key,
                    "partition": each.delivered.partition,
                    "offset": each.delivered.offset,
                    "headers": dict(message.headers),
                    "value": message.value,
                    "error": error,
                }
            ],
            then='ON CONFLICT (topic, partition, "offset") DO NOTHING RETURNING id',
        )
        if not parked[0].first():
            return
        log.warning(
            "event parked",
            group=self._subscription.group,
            topic=message.topic,
            event_id=message.headers.get("ce_id"),
            event_type=message.headers.get("ce_type"),
        )
        transaction.show_dead(
            Message(
                topic=message.topic + DEAD_SUFFIX,
                key=message.key,
                headers={
                    **message.headers,
                    "changhu_group": self._subscription.group,
                    "changhu_error": error,
                },
                value=message.value[:SHOWN_BYTES_MAX],
            )
        )

    async def parked(self) -> list[Parked]:
        """What is parked, oldest first."""
        table = self._database.spine.parked
        async with self._database.read() as connection:
            rows = await connection.execute(select(table).order_by(table.c.id))
            return [
                Parked(
                    id=row.id,
                    topic=row.topic,
                    key=row.key,
                    event_id=row.headers.get("ce_id", ""),
                    event_type=row.headers.get("ce_type", ""),
                    error=row.error,
                    parked_at=row.parked_at.isoformat(),
                )
                for row in rows
            ]

    async def ask_replay(self, asked: AskedChange) -> dict[str, int]:
        """Ask for everything parked to be applied again; answers how many events."""
        table = self._database.spine.parked
        async with self._database.change(asked) as transaction:
            result = await transaction.connection.execute(
                update(table).where(table.c.replay_asked_at.is_(None)).values(replay_asked_at=transaction.now)
            )
            told = {"asked": result.rowcount}
            transaction.record(AuditEntry("replay.asked", "parked", self._subscription.group, after=told))
            return transaction.answer(told)

    async def replay_asked(self) -> None:
        """Apply again what a person put back, in its old order; what fails again is parked again."""
        table = self._database.spine.parked
        async with self._database.change(self._actor) as transaction:
            await self._ask_what_stands_behind(transaction)
            rows = (
                await transaction.connection.execute(
                    select(table)
                    .where(table.c.replay_asked_at.is_not(None))
                    # The order of the log, so that what stays for the next round stands behind what goes now.
                    .order_by(table.c.topic, table.c.partition, table.c.offset)
                    .limit(BATCH_MESSAGES_MAX)
                )
            ).all()
            if not rows:
                return
            await transaction.connection.execute(delete(table).where(table.c.id.in_([row.id for row in rows])))
            received = [
                self._read(Delivered(Message(row.topic, row.key, row.headers, row.value), row.partition, row.offset))
                for row in rows
            ]
            await self._apply(transaction, [each for each in received if each.envelope or each.fault])

    @staticmethod
    async def _ask_what_stands_behind(transaction: Transaction) -> None:
        """Put back too what was parked since then: what it waits behind goes now, and nobody would ask again."""
        parked = transaction.spine.parked
        of_key = parked.c.topic, parked.c.partition, parked.c.key
        asked = (
            select(*of_key, func.min(parked.c.offset).label("first"))
            .where(parked.c.replay_asked_at.is_not(None))
            .group_by(*of_key)
            .subquery()
        )
        await transaction.connection.execute(
            update(parked)
            .where(
                *(column == asked.c[column.name] for column in of_key),
                parked.c.offset > asked.c.first,
                parked.c.replay_asked_at.is_(None),
            )
            .values(replay_asked_at=transaction.now)
        )

    async def lag(self) -> list[Lag]:
        """How far this group is behind, topic by topic."""
        return await self._bus.lag(group=self._subscription.group, topics=self._subscription.topic_names)


def _storable(message: Message) -> Message:
    """A message as the database can keep it: a sender that is not ours may put anything into key and headers."""
    headers = {_text(name): _text(said) for name, said in message.headers.items()}
    return Message(message.topic, _text(message.key[:KEY_CHARACTERS_MAX]), headers, message.value)


def _text(said: str) -> str:
    return said.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _is_passing(failure: Exception) -> bool:
    """Whether the failure is the database's or the network's and not the event's: then the batch is read again."""
    # What a COPY fails with is the driver's own error.
    if isinstance(failure.orig if isinstance(failure, DBAPIError) else failure, ProgramLimitExceeded):
        return False  # a value that no index can hold is the event's own
    if isinstance(failure, OSError | InterfaceError | OperationalError | psycopg.OperationalError):
        return True
    return isinstance(failure, DBAPIError) and failure.connection_invalidated
