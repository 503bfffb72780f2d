"""The bus as a log in PostgreSQL: what one machine needs, with the same promises as Kafka.

An offset is allocated under its partition's row lock, which is held until commit: whoever reads up
to an offset has seen every smaller one. A member owns a partition by a session lock on the very
connection that it reads with, so a member that lost its lock cannot read on.
"""

import asyncio
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import orjson
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb, set_json_loads
from psycopg_pool import AsyncConnectionPool

from changhu_common.bus.port import BATCH_MESSAGES_MAX, PARTITIONS, Batch, Delivered, Lag, Message

CHANNEL = "bus_appended"

# A member without partitions asks again this often whether an owner has gone.
OWNERSHIP_RETRY_SECONDS = 2.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS partition (
    topic text NOT NULL,
    number int NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, number)
);
CREATE TABLE IF NOT EXISTS message (
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    key text NOT NULL,
    headers jsonb NOT NULL,
    value bytea NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
CREATE TABLE IF NOT EXISTS committed (
    "group" text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY ("group", topic, partition)
);
"""

Place = tuple[str, int]


def partition_of(key: str) -> int:
    """The partition of a key; it must never change, so it rests on CRC-32 and not on `hash`."""
    return zlib.crc32(key.encode()) % PARTITIONS


class PostgresBus:
    """The log in a database of its own."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._pool = AsyncConnectionPool(conninfo, min_size=0, max_size=8, open=False)
        self._opening = asyncio.Lock()

    async def _opened(self) -> AsyncConnectionPool:
        async with self._opening:
            if self._pool.closed:
                await self._pool.open()
        return self._pool

    async def create_topics(self, topics: Sequence[str]) -> None:
        pool = await self._opened()
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO partition (topic, number) SELECT topic, number FROM unnest(%s::text[]) AS topic,"
                " generate_series(0, %s - 1) AS number ON CONFLICT DO NOTHING",
                (list(topics), PARTITIONS),
            )

    async def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        by_place: dict[Place, list[Message]] = defaultdict(list)
        for message in messages:
            by_place[message.topic, partition_of(message.key)].append(message)
        pool = await self._opened()
        async with pool.connection() as connection, connection.transaction():
            first = await self._allocate(connection, by_place)
            async with (
                connection.cursor() as cursor,
                cursor.copy(
                    'COPY message (topic, partition, "offset", key, headers, value) FROM STDIN (FORMAT BINARY)'
                ) as copy,
            ):
                copy.set_types(["text", "int4", "int8", "text", "jsonb", "bytea"])
                for place, of_partition in by_place.items():
                    for offset, message in enumerate(of_partition, first[place]):
                        headers = Jsonb(dict(message.headers), orjson.dumps)
                        await copy.write_row((*place, offset, message.key, headers, message.value))
            # A reader wakes for the topics that it reads; the names of all fit into one notification.
            topics = " ".join(sorted({message.topic for message in messages}))
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topics))

    @staticmethod
    async def _allocate(connection: AsyncConnection, by_place: dict[Place, list[Message]]) -> dict[Place, int]:
        places = sorted(by_place)
        topics, numbers = [topic for topic, _ in places], [number for _, number in places]
        counts = [len(by_place[place]) for place in places]
        # Locked in order before anything is changed, so that two publishers cannot wait for each other.
        locked = await connection.execute(
            "SELECT topic, number, next_offset FROM partition WHERE (topic, number) IN"
            " (SELECT * FROM unnest(%s::text[], %s::int[])) ORDER BY topic, number FOR UPDATE",
            (topics, numbers),
        )
        first = {(topic, number): offset for topic, number, offset in await locked.fetchall()}
        missing = [topic for topic, number in places if (topic, number) not in first]
        if missing:
            raise LookupError(f"no such topic: {', '.join(sorted(set(missing)))}")
        await connection.execute(
            "UPDATE partition SET next_offset = next_offset + added.count"
            " FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS added (topic, number, count)"
            " WHERE partition.topic = added.topic AND partition.number = added.number",
            (topics, numbers, counts),
        )
        return first

    @asynccontextmanager
    async def reader(self, *, group: str, topics: Sequence[str]) -> AsyncIterator["PostgresReader"]:
        connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            set_json_loads(orjson.loads, connection)
            await connection.execute(f"LISTEN {CHANNEL}")
            yield PostgresReader(connection, group=group, topics=topics)
        finally:
            await connection.close()

    async def lag(self, *, group: str, topics: Sequence[str]) -> list[Lag]:
        pool = await self._opened()
        async with pool.connection() as connection:
            rows = await connection.execute(
                "SELECT p.topic, sum(p.next_offset - coalesce(c.next_offset, 0))::bigint FROM partition p"
                ' LEFT JOIN committed c ON c."group" = %s AND c.topic = p.topic AND c.partition = p.number'
                " WHERE p.topic = ANY(%s) GROUP BY p.topic ORDER BY p.topic",
                (group, list(topics)),
            )
            return [Lag(topic, messages) for topic, messages in await rows.fetchall()]

    async def close(self) -> None:
        await self._pool.close()


class PostgresReader:
    """A member of a group on the PostgreSQL log."""

    def __init__(self, connection: AsyncConnection, *, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._group = group
        self._topics = frozenset(topics)
        self._position: dict[Place, int] = {}
        self._next_claim = 0.0
        self._last_read: Place = ("", 0)

    async def read(self, *, wait_seconds: float) -> Batch:
        await self._claim()
        batch = await self._fetch()
        if batch.delivered or wait_seconds <= 0:
            return batch
        async with aclosing(self._connection.notifies(timeout=wait_seconds)) as appended:
            async for each in appended:
                if not self._topics.isdisjoint(each.payload.split()):
                    break
        # Also where nothing was heard: a notification can pass while the connection does something else.
        return await self._fetch()

    async def commit(self, batch: Batch) -> None:
        ends = batch.next_offsets()
        if not ends:
            return
        places = sorted(ends)
        await self._connection.execute(
            'INSERT INTO committed AS c ("group", topic, partition, next_offset)'
            " SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[])"
            ' ON CONFLICT ("group", topic, partition) DO UPDATE'
            " SET next_offset = greatest(c.next_offset, excluded.next_offset)",
            (
                self._group,
                [topic for topic, _ in places],
                [number for _, number in places],
                [ends[place] for place in places],
            ),
        )

    async def rewind(self) -> None:
        self._position.update(await self._committed(list(self._position)))

    async def _claim(self) -> None:
        """Take every partition that nobody owns."""
        now = asyncio.get_running_loop().time()
        if now < self._next_claim:
            return
        self._next_claim = now + OWNERSHIP_RETRY_SECONDS
        rows = await self._connection.execute(
            "SELECT topic, number FROM partition WHERE topic = ANY(%s) ORDER BY topic, number",
            (sorted(self._topics),),
        )
        wanted = [place for place in await rows.fetchall() if place not in self._position]
        taken = []
        for topic, number in wanted:
            row = await self._connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"{self._group}/{topic}/{number}",)
            )
            owned = await row.fetchone()
            if owned and owned[0]:
                taken.append((topic, number))
        # The place is read only after the lock is held: an owner commits before it lets go.
        self._position.update(await self._committed(taken))

    async def _committed(self, places: list[Place]) -> dict[Place, int]:
        if not places:
            return {}
        rows = await self._connection.execute(
            'SELECT topic, partition, next_offset FROM committed WHERE "group" = %s AND topic = ANY(%s)',
            (self._group, sorted(self._topics)),
        )
        known = {(topic, number): offset for topic, number, offset in await rows.fetchall()}
        return {place: known.get(place, 0) for place in places}

    async def _fetch(self) -> Batch:
        if not self._position:
            return Batch()
        # The partition that was read last is asked last, so that a busy one does not starve the rest.
        places = sorted(self._position)
        first = bisect_right(places, self._last_read)
        places = places[first:] + places[:first]
        rows = await self._connection.execute(
            'SELECT m.topic, m.partition, m."offset", m.key, m.headers, m.value'
            " FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS p (topic, number, position)"
            " CROSS JOIN LATERAL (SELECT * FROM message m WHERE m.topic = p.topic AND m.partition = p.number"
            ' AND m."offset" >= p.position ORDER BY m."offset" LIMIT %s) m LIMIT %s',
            (
                [topic for topic, _ in places],
                [number for _, number in places],
                [self._position[place] for place in places],
                BATCH_MESSAGES_MAX,
                BATCH_MESSAGES_MAX,
            ),
        )
        batch = Batch(
            [
                Delivered(Message(topic, key, headers, value), partition, offset)
                for topic, partition, offset, key, headers, value in await rows.fetchall()
            ]
        )
        self._position.update(batch.next_offsets())
        if batch.delivered:
            last = batch.delivered[-1]
            self._last_read = (last.message.topic, last.partition)
        return batch
