"""An event takes effect once, in its key's order, and one that cannot be applied stops nobody else."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import note_service
import psycopg
import pytest
from changhu_common import consumer
from changhu_common.bus.port import Message
from changhu_common.bus.postgres import SCHEMA, PostgresBus
from changhu_common.consumer import READ_SECONDS, SHOWN_BYTES_MAX, Consumer
from changhu_common.events import REGISTRY, Envelope
from changhu_common.events.cloudevents import decode, encode
from changhu_common.events.provider import PricesPublished, StaffReleased
from changhu_common.ids import new_id
from changhu_common.roles import Role
from changhu_standalone.postgres import EmbeddedPostgres
from note_service import FAILS, NOTES
from sqlalchemy import text

from tests.support.running import START, Deploy, Running


@pytest.fixture
async def notes(deploy: Deploy) -> AsyncIterator[Running]:
    note_service.broken.add(FAILS)
    yield await deploy(NOTES)
    note_service.broken.add(FAILS)


def told(organization: UUID, revision: int = 1, *, pool: str = "211100") -> Envelope:
    event = PricesPublished(organization_id=organization, pool=pool, revision=revision, prices=())
    return Envelope(id=new_id(), source="test", time=START, event=event)


async def text_of(notes: Running, organization: UUID) -> str | None:
    answer = await notes.get(f"/notes/{organization}", notes.token(Role.OPERATOR, region="000000"))
    return answer.json()["text"] if answer.status_code == 200 else None


async def dead_letters(notes: Running) -> list[dict[str, str]]:
    answer = await notes.get("/dead-letters", notes.token(Role.OPERATOR, region="000000"))
    assert answer.status_code == 200
    return answer.json()


async def replay(notes: Running) -> int:
    answer = await notes.post("/dead-letters/replay", notes.token(Role.OPERATOR, region="000000"))
    assert notes.worker.consumer is not None
    await notes.worker.consumer.replay_asked()
    return answer.json()["asked"]


async def test_events_of_a_key_are_applied_in_order(notes: Running) -> None:
    one = uuid4()
    await notes.hear(told(one, 1), told(one, 2), told(one, 3))
    assert await text_of(notes, one) == "1,2,3"


async def test_an_event_is_applied_once_however_often_and_wherever_it_comes_again(notes: Running) -> None:
    one, other = uuid4(), uuid4()
    events = [told(one, n) for n in range(1, 6)] + [told(other, n) for n in range(1, 6)]
    await notes.hear(*events)
    again = events * 3
    random.Random(7).shuffle(again)
    await notes.hear(*again)
    assert await text_of(notes, one) == "1,2,3,4,5"
    assert await text_of(notes, other) == "1,2,3,4,5"


async def test_one_that_cannot_be_applied_is_parked_and_the_others_go_on(notes: Running) -> None:
    good, bad = uuid4(), uuid4()
    await notes.hear(told(good, 1), told(bad, 1, pool=FAILS), told(good, 2))
    assert await text_of(notes, good) == "1,2"
    assert await text_of(notes, bad) is None
    (parked,) = await dead_letters(notes)
    assert parked["key"] == str(bad)
    assert "ValueError: cannot be applied" in parked["error"]


async def test_later_events_of_a_parked_key_wait_behind_it(notes: Running) -> None:
    bad = uuid4()
    await notes.hear(told(bad, 1), told(bad, 2, pool=FAILS), told(bad, 3))
    await notes.hear(told(bad, 4))
    assert await text_of(notes, bad) == "1"
    assert len(await dead_letters(notes)) == 3


async def test_what_is_put_back_is_applied_in_its_old_order(notes: Running) -> None:
    bad = uuid4()
    await notes.hear(told(bad, 1, pool=FAILS), told(bad, 2))
    await notes.hear(told(bad, 3))
    note_service.broken.clear()
    assert await replay(notes) == 3
    assert await text_of(notes, bad) == "1,2,3"
    assert await dead_letters(notes) == []
    await notes.hear(told(bad, 4))
    assert await text_of(notes, bad) == "1,2,3,4"


async def test_what_fails_again_is_parked_again_in_its_order(notes: Running) -> None:
    bad = uuid4()
    await notes.hear(told(bad, 1, pool=FAILS), told(bad, 2))
    assert await replay(notes) == 2
    assert len(await dead_letters(notes)) == 2
    note_service.broken.clear()
    await replay(notes)
    assert await text_of(notes, bad) == "1,2"


async def replay_by_two(notes: Running, monkeypatch: pytest.MonkeyPatch, organization: UUID) -> None:
    """Put three of a key back, two at a time, while a fourth comes."""
    monkeypatch.setattr(consumer, "BATCH_MESSAGES_MAX", 2)
    assert await replay(notes) == 3
    await notes.hear(told(organization, 4))
    assert notes.worker.consumer is not None
    for _ in range(3):
        await notes.worker.consumer.replay_asked()


async def test_what_comes_while_its_key_is_put_back_is_put_back_too(
    notes: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = uuid4()
    await notes.hear(told(bad, 1, pool=FAILS), told(bad, 2), told(bad, 3))
    note_service.broken.clear()
    await replay_by_two(notes, monkeypatch, bad)
    assert await text_of(notes, bad) == "1,2,3,4"
    assert await dead_letters(notes) == []


async def test_what_comes_while_its_key_fails_again_waits_until_it_is_put_back(
    notes: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = uuid4()
    await notes.hear(told(bad, 1, pool=FAILS), told(bad, 2), told(bad, 3))
    await replay_by_two(notes, monkeypatch, bad)
    async with notes.database.read() as connection:
        rows = await connection.execute(text('SELECT replay_asked_at FROM parked ORDER BY "offset"'))
    assert [row.replay_asked_at for row in rows] == [None] * 4
    assert await text_of(notes, bad) is None


async def test_who_put_events_back_is_audited_and_a_repeated_request_puts_nothing_back(notes: Running) -> None:
    operator = notes.token(Role.OPERATOR, region="000000", subject="op-1")
    await notes.hear(told(uuid4(), 1, pool=FAILS))
    asked = [(await notes.post("/dead-letters/replay", operator, key="k")).json() for _ in range(2)]
    assert asked == [{"asked": 1}] * 2
    async with notes.database.read() as connection:
        rows = (await connection.execute(text("SELECT actor, after FROM audit WHERE action = 'replay.asked'"))).all()
    assert [tuple(row) for row in rows] == [("op-1", {"asked": 1})]


async def test_a_failed_event_leaves_no_audit_row_and_is_shown_once_among_the_dead(notes: Running) -> None:
    bad = told(uuid4(), 1, pool=FAILS)
    await notes.hear(bad)
    async with notes.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit WHERE action = 'heard'")) == 0
        rows = (await connection.execute(text("SELECT topic, headers FROM outbox"))).all()
    assert [row.topic for row in rows] == ["provider.organization.dead"]
    assert rows[0].headers["changhu_group"] == "notes"


async def test_a_type_that_a_subscription_passes_leaves_no_trace(notes: Running) -> None:
    staff = StaffReleased(
        staff_id=uuid4(), organization_id=uuid4(), pool="211100", revision=1, roles=(), account="a", start=START.date()
    )
    await notes.hear(staff)
    async with notes.database.read() as connection:
        assert not (await connection.execute(text("SELECT FROM inbox UNION ALL SELECT FROM parked"))).all()


async def test_an_unknown_type_is_ignored(notes: Running) -> None:
    message = encode(told(uuid4()))
    await notes.hear(Message(message.topic, message.key, {**message.headers, "ce_type": "moon.landed.v1"}, b"{}"))
    assert await dead_letters(notes) == []


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ({"ce_type": "provider.prices_published.v9"}, None, "version"),
        ({}, b"not json", "breaks its schema"),
        ({}, b'{"pool": "211100"}', "organization_id: missing"),
        ({"ce_id": "no uuid"}, None, "badly formed"),
        ({"ce_specversion": "0.3"}, None, "CloudEvents version"),
    ],
)
async def test_what_cannot_be_read_is_parked_with_the_reason(
    notes: Running, headers: dict[str, str], value: bytes | None, reason: str
) -> None:
    message = encode(told(uuid4()))
    await notes.hear(
        Message(message.topic, message.key, {**message.headers, **headers}, message.value if value is None else value)
    )
    (parked,) = await dead_letters(notes)
    assert reason in parked["error"]


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        ("\0", {}),
        (random.Random(1).randbytes(4000).hex(), {}),
        ("k", {"ce_source": "a\0b", "\0": ""}),
        ("k", {"ce_type": "provider.prices_published.v\0"}),
    ],
)
async def test_what_no_database_could_keep_as_it_came_is_parked_and_stops_nobody(
    notes: Running, key: str, headers: dict[str, str]
) -> None:
    good, message = uuid4(), encode(told(uuid4()))
    await notes.hear(Message(message.topic, key, {**message.headers, **headers}, message.value), told(good, 1))
    assert await text_of(notes, good) == "1"
    assert len(await dead_letters(notes)) == 1
    assert await replay(notes) == 1


async def test_a_dead_letter_shows_so_much_of_an_event_that_every_bus_takes_it(notes: Running) -> None:
    message = encode(told(uuid4()))
    await notes.hear(Message(message.topic, message.key, message.headers, b"{" * 1_000_000))
    async with notes.database.read() as connection:
        shown = await connection.scalar(text("SELECT length(value) FROM outbox WHERE topic LIKE '%.dead'"))
        kept = await connection.scalar(text("SELECT length(value) FROM parked"))
    assert (shown, kept) == (SHOWN_BYTES_MAX, 1_000_000)


async def test_what_an_unreadable_event_held_is_not_told(notes: Running) -> None:
    message = encode(told(uuid4()))
    await notes.hear(Message(message.topic, message.key, message.headers, b'{"pool": 21110219800101123}'))
    (parked,) = await dead_letters(notes)
    assert "21110219800101123" not in parked["error"]


async def test_who_waited_for_partitions_on_a_connection_that_broke_takes_over_with_a_new_one(
    notes: Running, postgres: EmbeddedPostgres, fresh_database: Callable[..., str]
) -> None:
    url, one = postgres.url(fresh_database("bus")), uuid4()
    subscription = notes.service.build(notes.resources).subscription
    assert subscription is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        before, stop = PostgresBus(url), asyncio.Event()
        await before.create_topics(subscription.topic_names)
        standby = Consumer(database=notes.database, bus=before, registry=REGISTRY, subscription=subscription)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            async with before.reader(group=subscription.group, topics=subscription.topic_names) as owner:
                await owner.read(wait_seconds=0)
                tasks.create_task(standby.run(stop))
                await asyncio.sleep(2 * READ_SECONDS)  # it has asked for the partitions and got none
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            after = PostgresBus(url)
            await after.publish([encode(told(one))])
            while await text_of(notes, one) is None:
                await asyncio.sleep(READ_SECONDS)
            stop.set()
    await before.close()
    await after.close()


async def test_a_batch_is_applied_in_one_go(notes: Running) -> None:
    consumer = notes.worker.consumer
    assert consumer is not None
    apply = consumer._subscription.apply
    batches = apply.__self__.batches  # type: ignore[attr-defined]
    before = len(batches)
    await notes.hear(*(told(uuid4()) for _ in range(300)))
    assert batches[before:] == [300]


def test_every_event_survives_the_wire() -> None:
    envelope = told(uuid4())
    assert decode(encode(envelope), REGISTRY) == envelope
