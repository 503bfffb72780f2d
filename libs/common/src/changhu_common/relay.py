"""The relay tells what the outbox holds, in order, and marks what the bus has.

One relay leads per service, by a session lock: two would tell one aggregate's events out of order.
A row is marked, never "the highest id so far": ids become visible out of commit order. A relay that
dies between telling and marking tells again, and every consumer is used to that.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog
from psycopg import AsyncConnection
from psycopg.types.json import set_json_loads
from sqlalchemy import make_url

from changhu_common.bus.port import BATCH_MESSAGES_MAX, Bus, Message
from changhu_common.database import OUTBOX_CHANNEL, Database
from changhu_common.stopping import pause

# A relay that does not lead asks again this often; a leader that hears nothing looks anyway.
IDLE_SECONDS = 1.0
# Read at once and told batch by batch: each reading passes by what was marked since the last vacuum, which after a
# city's import is millions of rows. Whoever's event is among them has the earlier ones there too, so the order holds.
READ_AHEAD_MESSAGES_MAX = 10 * BATCH_MESSAGES_MAX

log = structlog.get_logger()


def conninfo(url: str) -> str:
    """The libpq form of an SQLAlchemy URL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Relay:
    """Moves a service's events from its outbox to the bus."""

    def __init__(self, *, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop`; the batch in hand is finished."""
        while not stop.is_set():
            try:
                await self._lead(stop)
            except Exception as failure:
                # The outbox keeps everything; the next attempt begins where this one ended.
                log.warning("relay interrupted", service=self._database.source, error=repr(failure))
                await pause(stop, IDLE_SECONDS)

    async def _lead(self, stop: asyncio.Event) -> None:
        async with self._connected() as connection:
            await connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
            while not stop.is_set():
                row = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended('relay', 0))")
                leads = await row.fetchone()
                if leads and leads[0]:
                    break
                await pause(stop, IDLE_SECONDS)
            while not stop.is_set():
                if not await self._move(connection):
                    async for _ in connection.notifies(timeout=IDLE_SECONDS / 4, stop_after=1):
                        pass

    async def _move(self, connection: AsyncConnection) -> int:
        rows = await connection.execute(
            "SELECT id, topic, key, headers, value FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %s",
            (READ_AHEAD_MESSAGES_MAX,),
        )
        waiting = await rows.fetchall()
        for first in range(0, len(waiting), BATCH_MESSAGES_MAX):
            batch = waiting[first : first + BATCH_MESSAGES_MAX]
            await self._bus.publish([Message(topic, key, headers, value) for _, topic, key, headers, value in batch])
            await connection.execute(
                "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)",
                ([row[0] for row in batch],),
            )
        return len(waiting)

    async def drain(self) -> int:
        """Tell everything that is there now; returns how many. For tests and orderly ends."""
        told = 0
        async with self._connected() as connection:
            while moved := await self._move(connection):
                told += moved
        return told

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        async with await AsyncConnection.connect(conninfo(self._database.url), autocommit=True) as connection:
            set_json_loads(orjson.loads, connection)
            # The index has the order. While nothing is known yet of what a city's import just wrote, the planner
            # would rather sort all of it, each time.
            await connection.execute("SET enable_sort = off")
            yield connection
