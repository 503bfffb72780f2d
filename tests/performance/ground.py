"""What is measured runs as a deployment would: durable PostgreSQL, real Kafka, the services' own roles and tables.

Nothing is switched off to look faster. Each measurement gets databases of its own, fresh from a
template, so that what one leaves behind does not slow the next.
"""

import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from changhu_common.bus.kafka import KafkaBus
from changhu_common.bus.port import Bus, Message
from changhu_common.clock import FileClock
from changhu_common.events import topic_names
from changhu_common.periods import SHANGHAI
from changhu_common.service import Service, new_app, open_resources, settle_memory
from changhu_standalone.deployment import BUS_DATABASE, Standalone
from psycopg import AsyncConnection, sql
from pydantic import SecretStr
from sqlalchemy import event

from tests.support.kafka import Broker, find_broker
from tests.support.running import Running

# When everything measured happens: July is over and can be settled.
NOW = datetime(2026, 8, 5, 9, 0, tzinfo=SHANGHAI)
POOL = "211100"
COUNTY = "211102"

READ_SECONDS_MAX = 20.0  # a group's first read on Kafka waits until the group has formed


@dataclass(slots=True)
class Stopwatch:
    seconds: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    watch, began = Stopwatch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - began


@dataclass(slots=True)
class Statements:
    """SQL statements that went to a database, and the seconds that were spent waiting for them."""

    count: int = 0
    seconds: float = 0.0
    _began: float = 0.0


@contextmanager
def statements_of(running: Running) -> Iterator[Statements]:
    """Count what a service asks its database, through SQLAlchemy's own events."""
    engine, seen = running.database.engine.sync_engine, Statements()

    def before(*_: Any) -> None:
        seen._began = time.perf_counter()

    def after(*_: Any) -> None:
        seen.count += 1
        seen.seconds += time.perf_counter() - seen._began

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


class Ground:
    """The server, the broker, and a service on fresh databases whenever one is asked for."""

    def __init__(self, folder: Path) -> None:
        clock = FileClock(folder / "clock")
        clock.advance_to(NOW)
        self._standalone = Standalone(folder, clock=clock)
        self.server = self._standalone.server
        self._folder = folder
        self._broker: Broker | None = None
        self._held = ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Ground":
        self._held.callback(self._standalone.stop)
        self._standalone.start()
        settle_memory()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def described(self) -> dict[str, Any]:
        with self.server.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()
            fsync = connection.execute("SHOW fsync").fetchone()
        assert version
        assert fsync
        kafka = self._broker.how if self._broker else "not asked for"
        return {"postgresql": version[0], "fsync": fsync[0], "kafka": kafka}

    @property
    def broker(self) -> Broker:
        """Kafka, started when first asked for; `real` says whether its figures mean anything."""
        if self._broker is None:
            self._broker = self._held.enter_context(find_broker(self._folder / "broker"))
        return self._broker

    def fresh_database(self, name: str, *, template: str = "template0") -> str:
        """An empty database, or a copy of one that nobody is connected to; and a clean slate on the disk."""
        made = f"{name}_{next(self._numbers)}"
        with self.server.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(made), sql.Identifier(template))
            )
        self.checkpoint()
        return made

    def checkpoint(self) -> None:
        """Write what is still in memory now, so that nobody pays for what another wrote."""
        with self.server.connect() as connection:
            connection.execute("CHECKPOINT")

    @asynccontextmanager
    async def plain(self, *statements: str) -> AsyncIterator[AsyncConnection]:
        """A connection to a fresh database with nothing of ours in it: what a baseline is measured on."""
        url = self.server.url(self.fresh_database("plain"))
        async with await AsyncConnection.connect(url, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(statement.encode())
            yield connection

    @asynccontextmanager
    async def running(self, service: Service, *, bus: Bus | None = None) -> AsyncIterator[Running]:
        """A service on fresh databases, its worker stopped; `bus` is the log in PostgreSQL unless one is given."""
        own = self.fresh_database(service.database, template=service.database)
        log = self.fresh_database(BUS_DATABASE, template=BUS_DATABASE)
        settings = self._standalone.settings(service).model_copy(
            update={
                "database_url": SecretStr(self.server.url(own, service.database, driver="psycopg")),
                "bus_url": SecretStr(self.server.url(log, BUS_DATABASE)),
            }
        )
        resources = open_resources(settings, service)
        resources = replace(resources, bus=bus or resources.bus)
        try:
            await resources.bus.create_topics(topic_names())
            transport = httpx.ASGITransport(app=new_app(service, resources, work=False))
            async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=600) as client:
                yield Running(service, resources, client, self._standalone.issuer)
        finally:
            await resources.close()

    @asynccontextmanager
    async def kafka(self) -> AsyncIterator[KafkaBus]:
        bus = KafkaBus(self.broker.bootstrap)
        await bus.create_topics(topic_names())
        try:
            yield bus
        finally:
            await bus.close()

    def pgbench(self, *arguments: str, database: str) -> str:
        """What the server's own benchmark says."""
        command = [str(self.server.binary("pgbench")), *arguments, self.server.url(database)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def publish(bus: Bus, messages: Sequence[Message], *, at_once: int = 500) -> None:
    for first in range(0, len(messages), at_once):
        await bus.publish(messages[first : first + at_once])


async def pass_over(running: Running) -> None:
    """Let the service's group stand at the end of its topics: what others left on a shared broker is not counted."""
    assert running.worker.consumer is not None
    bus, group, topics = _place(running)
    async with bus.reader(group=group, topics=topics) as reader:
        while any(each.messages for each in await running.worker.consumer.lag()):
            batch = await reader.read(wait_seconds=READ_SECONDS_MAX)
            await reader.commit(batch)


async def consume(running: Running, count: int) -> float:
    """Let the service consume so many events from its bus; the seconds from its first batch to its last commit."""
    consumer = running.worker.consumer
    assert consumer is not None
    bus, group, topics = _place(running)
    heard, began = 0, 0.0
    async with bus.reader(group=group, topics=topics) as reader:
        while heard < count:
            batch = await reader.read(wait_seconds=READ_SECONDS_MAX)
            if not batch.delivered:
                raise TimeoutError(f"{group} heard {heard} of {count} events")
            began = began or time.perf_counter()
            await consumer.apply_batch(batch)
            await reader.commit(batch)
            heard += len(batch.delivered)
    seconds = time.perf_counter() - began
    if parked := await consumer.parked():
        raise RuntimeError(f"{group} parked {len(parked)} events: {parked[0].error}")
    return seconds


def _place(running: Running) -> tuple[Bus, str, list[str]]:
    subscription = running.service.build(running.resources).subscription
    assert subscription is not None
    return running.resources.bus, subscription.group, subscription.topic_names
