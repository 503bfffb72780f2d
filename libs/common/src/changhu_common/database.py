"""One use case is one transaction: state, audit row, event and the answer to the request together.

A use case opens `database.change(by)`; whatever it emits, records and answers is committed with what
it wrote, or not at all. `database.read()` cannot write.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from changhu_common.bus.port import Message
from changhu_common.clock import Clock
from changhu_common.errors import Conflict, Refusal
from changhu_common.events.cloudevents import encode
from changhu_common.events.registry import Envelope, Event
from changhu_common.ids import new_id
from changhu_common.rows import insert_rows
from changhu_common.spine import Spine
from changhu_common.tracing import current_traceparent

OUTBOX_CHANNEL = "outbox_written"

# Connections that a service keeps for its requests; the workers have their own.
POOL_SIZE = 10

_TELL_TIME = text("SELECT set_config('changhu.now', :now, true)")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and from where: a caller's subject and address, or a part of the system."""

    subject: str
    origin: str


@dataclass(frozen=True, slots=True)
class AskedChange:
    """A change that a caller asked for under an Idempotency-Key."""

    actor: Actor
    route: str
    key: str
    body_hash: bytes
    status: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was done to what: ids and values, never a name or an ID number."""

    action: str
    subject: str
    subject_id: UUID | str
    before: Any = None
    after: Any = None


class AlreadyAnswered(Exception):
    """The request was answered before; the first answer is given again."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__("the request was answered before")
        self.status = status
        self.answer = answer


class RequestRunning(Conflict):
    """The same request is being worked on at this moment."""

    code = "idempotency.running"
    title = "相同请求正在处理"


class KeyReused(Refusal):
    """The key belongs to another request."""

    code = "idempotency.key_reused"
    title = "幂等键已用于另一个请求"


@dataclass(slots=True)
class Transaction:
    """A change under way. What is emitted and recorded is written when the use case is through."""

    connection: AsyncConnection
    actor: Actor
    now: datetime
    source: str
    spine: Spine
    _events: list[Envelope] = field(default_factory=list)
    _audits: list[AuditEntry] = field(default_factory=list)
    _dead: list[Message] = field(default_factory=list)
    _answer: Any = None

    def emit(self, *events: Event, event_id: UUID | None = None) -> None:
        """Tell these facts, in this order. Lock the aggregate's row first, so that its events keep their order.

        `event_id` is for a fact whose id follows from its content, so that telling it again repeats it.
        """
        trace = current_traceparent()
        self._events.extend(
            Envelope(id=event_id or new_id(), source=self.source, time=self.now, event=event, traceparent=trace)
            for event in events
        )

    def record(self, *entries: AuditEntry) -> None:
        """Audit rows."""
        self._audits.extend(entries)

    def answer(self, answer: Answer) -> Answer:
        """Remember this as the answer to the request, and hand it on."""
        self._answer = answer
        return answer

    def show_dead(self, message: Message) -> None:
        """Tell a message that could not be applied on its topic's dead letters."""
        self._dead.append(message)

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Forget what was emitted and recorded inside, where it fails: the twin of a savepoint."""
        events, audits = len(self._events), len(self._audits)
        try:
            yield
        except BaseException:
            del self._events[events:], self._audits[audits:]
            raise

    async def flush(self) -> None:
        """Write what was emitted and recorded so far: for a change too big to be kept in memory to its end."""
        told = [(envelope.id, encode(envelope)) for envelope in self._events]
        await _write_outbox(self.connection, self.spine, [*told, *((new_id(), dead) for dead in self._dead)])
        await insert_rows(
            self.connection,
            self.spine.audit,
            [
                {
                    "at": self.now,
                    "actor": self.actor.subject,
                    "origin": self.actor.origin,
                    "action": entry.action,
                    "subject": entry.subject,
                    "subject_id": str(entry.subject_id),
                    "before": to_jsonable_python(entry.before),
                    "after": to_jsonable_python(entry.after),
                }
                for entry in self._audits
            ],
        )
        self._events.clear()
        self._audits.clear()
        self._dead.clear()

    async def _finish(self, asked: AskedChange | None) -> None:
        await self.flush()
        if asked is not None:
            await self.connection.execute(
                insert(self.spine.request).values(
                    caller=asked.actor.subject,
                    route=asked.route,
                    key=asked.key,
                    body_hash=asked.body_hash,
                    status=asked.status,
                    answer=to_jsonable_python(self._answer),
                )
            )


async def _write_outbox(connection: AsyncConnection, spine: Spine, messages: Sequence[tuple[UUID, Message]]) -> None:
    """Put messages into the outbox, in order, and wake the relay when the transaction commits."""
    if not messages:
        return
    await insert_rows(
        connection,
        spine.outbox,
        [
            {
                "event_id": event_id,
                "topic": message.topic,
                "key": message.key,
                "headers": dict(message.headers),
                "value": message.value,
            }
            for event_id, message in messages
        ],
        then="ON CONFLICT (event_id) DO NOTHING",
    )
    await connection.execute(text(f"NOTIFY {OUTBOX_CHANNEL}"))


class Database:
    """A service's own database."""

    def __init__(self, url: str, *, spine: Spine, source: str, clock: Clock) -> None:
        self.url = url
        self.spine = spine
        self.source = source
        self.clock = clock
        self.engine: AsyncEngine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_SIZE)
        # The same connections; what they may do is said with BEGIN and costs no statement of its own.
        self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database and cannot write."""
        async with self._reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def change(self, by: Actor | AskedChange) -> AsyncIterator[Transaction]:
        """A transaction. For an asked change: AlreadyAnswered, RequestRunning or KeyReused where the key is known."""
        asked = by if isinstance(by, AskedChange) else None
        actor = by.actor if isinstance(by, AskedChange) else by
        async with self.engine.begin() as connection:
            if asked is not None:
                await self._refuse_repeat(connection, asked)
            transaction = Transaction(connection, actor, self.clock.now(), self.source, self.spine)
            # What the database keeps of its own accord (earlier versions of rows) bears the clock's time too.
            await connection.execute(_TELL_TIME, {"now": transaction.now.isoformat()})
            yield transaction
            await transaction._finish(asked)

    async def _refuse_repeat(self, connection: AsyncConnection, asked: AskedChange) -> None:
        name = "\x1f".join((asked.actor.subject, asked.route, asked.key))
        lock = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        if not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}):
            raise RequestRunning("同一幂等键的请求正在处理中, 请稍后查询结果, 不要重复提交。")
        request = self.spine.request
        known = (
            await connection.execute(
                select(request.c.body_hash, request.c.status, request.c.answer).where(
                    request.c.caller == asked.actor.subject,
                    request.c.route == asked.route,
                    request.c.key == asked.key,
                )
            )
        ).one_or_none()
        if known is None:
            return
        if known.body_hash != asked.body_hash:
            raise KeyReused("这个幂等键已经用于内容不同的请求, 请换一个新的幂等键。")
        raise AlreadyAnswered(known.status, known.answer)

    async def close(self) -> None:
        await self.engine.dispose()
