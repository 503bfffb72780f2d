"""A service under test: its own fresh database on the real server, asked over HTTP, told events by hand.

`hear` gives it events as the bus would; `told` is what it has put into its outbox.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from changhu_common.auth import DevelopmentIssuer, TokenChecker
from changhu_common.bus.port import Batch, Delivered, Lag, Message
from changhu_common.bus.postgres import PostgresBus
from changhu_common.clock import FileClock
from changhu_common.database import Database
from changhu_common.events import REGISTRY, Envelope, Event
from changhu_common.events.cloudevents import decode, encode
from changhu_common.events.registry import DEAD_SUFFIX
from changhu_common.field_encryption import FieldKey, IndexKey
from changhu_common.ids import new_id
from changhu_common.migrating import migrate
from changhu_common.provisioning import provision
from changhu_common.roles import Grant, Role
from changhu_common.service import Parts, Resources, Service, Worker, new_app
from changhu_common.settings import ServiceSettings
from changhu_standalone.postgres import EmbeddedPostgres
from fastapi import FastAPI
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import select

START = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)


class Running:
    """One service, its worker stopped: the test decides what it hears and when."""

    def __init__(self, service: Service, resources: Resources, client: httpx.AsyncClient, issuer: DevelopmentIssuer):
        self.service = service
        self.resources = resources
        self.database = resources.database
        self.clock = resources.clock
        self.client = client
        self.issuer = issuer
        self.worker: Worker = client._transport.app.state.worker  # type: ignore[attr-defined]
        self._keys = itertools.count(1)
        self._offsets = itertools.count()

    def advance_to(self, moment: datetime) -> None:
        assert isinstance(self.clock, FileClock)
        self.clock.advance_to(moment)

    @property
    def bus(self) -> "QuietBus":
        assert isinstance(self.resources.bus, QuietBus)
        return self.resources.bus

    def token(
        self,
        *roles: Role,
        region: str = "211100",
        organisation: UUID | None = None,
        subject: str | None = None,
        **more: Any,
    ) -> dict[str, str]:
        """The headers of somebody who holds these roles; by default a subject named after the first role."""
        subject = subject or (f"{roles[0]}@{region}" if roles else "nobody")
        grants = [Grant(role, region, organisation) for role in roles]
        token = self.issuer.token(subject=subject, name=subject, grants=grants, **more)
        return {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, who: dict[str, str], **params: Any) -> httpx.Response:
        return await self.client.get(path, headers=who, params=params)

    async def post(
        self, path: str, who: dict[str, str], body: Any = None, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """POST under a fresh Idempotency-Key, or under `key`; `more` goes to httpx (content=…, params=…)."""
        headers = {**who, "Idempotency-Key": key or f"test-{next(self._keys)}", **more.pop("headers", {})}
        if body is not None:
            more["json"] = body
        return await self.client.post(path, headers=headers, **more)

    async def hear(self, *heard: Event | Envelope | Message) -> None:
        """Let the service consume these, as one batch from the bus."""
        messages = [
            each
            if isinstance(each, Message)
            else encode(
                each
                if isinstance(each, Envelope)
                else Envelope(id=new_id(), source="test", time=self.clock.now(), event=each)
            )
            for each in heard
        ]
        assert self.worker.consumer is not None
        await self.worker.consumer.apply_batch(
            Batch([Delivered(message, 0, next(self._offsets)) for message in messages])
        )

    async def told(self, *types: type[Event]) -> list[Any]:
        """The events that the service has put into its outbox, in order; of these types, or of all."""
        outbox = self.database.spine.outbox
        async with self.database.read() as connection:
            rows = (await connection.execute(select(outbox).order_by(outbox.c.id))).all()
        events = [
            decode(Message(row.topic, row.key, row.headers, row.value), REGISTRY).event
            for row in rows
            if not row.topic.endswith(DEAD_SUFFIX)
        ]
        return [event for event in events if not types or isinstance(event, types)]


async def hear_shuffled(service: Running, messages: list[Message], chance: random.Random) -> None:
    """Everything twice, in any order, in batches of any size."""
    doubled = messages * 2
    chance.shuffle(doubled)
    while doubled:
        size = chance.randrange(1, 400)
        await service.hear(*doubled[:size])
        del doubled[:size]


Deploy = Callable[[Service], Awaitable[Running]]


@pytest.fixture(scope="session")
def service_template(postgres: EmbeddedPostgres) -> Callable[[Service], str]:
    """A migrated, empty database of a service, made once and copied for each test."""
    made: dict[str, str] = {}

    def template(service: Service) -> str:
        if service.name not in made:
            with postgres.connect() as connection:
                provision(connection, name=service.database, owner_password=None, runtime_password=None)
            owner = postgres.url(service.database, f"{service.database}_owner", driver="psycopg")
            migrate(versions=service.migrations, metadata=service.metadata, url=owner)
            made[service.name] = service.database
        return made[service.name]

    return template


@pytest.fixture(scope="session")
def settings_for(postgres: EmbeddedPostgres) -> Callable[..., ServiceSettings]:
    """Settings of a service on a database of the session's server, with keys made up for it."""

    def settings(service: Service, *, database: str, clock_file: Path, **more: Any) -> ServiceSettings:
        return ServiceSettings(
            environment="development",
            database_url=SecretStr(postgres.url(database, service.database, driver="psycopg")),
            clock_file=clock_file,
            oidc_issuer="https://issuer.test",
            oidc_jwks="unused",
            field_keys={"k1": SecretStr(FieldKey.generated().written())},
            field_key_current="k1",
            index_keys={"1": SecretStr(IndexKey.generated().written())},
            index_key_current="1",
            **{"bus": "postgres", "bus_url": SecretStr("unused"), **more},
        )

    return settings


class QuietBus(PostgresBus):
    """Nothing comes over it; a test says how far (messages by topic) the service's `group` is `behind`."""

    def __init__(self) -> None:
        super().__init__("host=/nowhere")
        self.behind: dict[str, int] = {}
        self.group: str | None = None

    async def lag(self, *, group: str, topics: Sequence[str]) -> list[Lag]:
        self.group = group
        return [Lag(topic, self.behind.get(topic, 0)) for topic in topics]


@dataclass(frozen=True)
class Site:
    """A service put together: app, engine and keys. Which rows stand in its database is each test's own matter."""

    app: FastAPI
    resources: Resources
    clock: FileClock
    bus: QuietBus
    issuer: DevelopmentIssuer

    @property
    def database(self) -> sql.Identifier:
        return sql.Identifier(str(self.resources.database.engine.url.database))


Idle = dict[tuple[str, Callable[[Resources], Parts]], list[Site]]


@pytest.fixture(scope="session")
async def sites() -> AsyncIterator[Idle]:
    """Sites that no test uses: to put an app together takes longer than most tests."""
    idle: Idle = defaultdict(list)
    yield idle
    for site in itertools.chain.from_iterable(idle.values()):
        await site.resources.close()


@pytest.fixture(scope="session")
def new_site(
    settings_for: Callable[..., ServiceSettings], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Service], Site]:
    """Put a service together, on a database, a clock and a bus that are its own."""
    folder = tmp_path_factory.mktemp("sites")
    numbers = itertools.count(1)

    def site(service: Service) -> Site:
        name = f"{service.database}_site_{next(numbers)}"
        clock = FileClock(folder / name)
        settings = settings_for(service, database=name, clock_file=clock.path)
        audience = {"issuer": "https://issuer.test", "audience": "changhu"}
        issuer = DevelopmentIssuer(folder / "issuer.pem", **audience, clock=clock)
        url = settings.database_url.get_secret_value()
        resources = Resources(
            settings=settings,
            clock=clock,
            database=Database(url, spine=service.spine, source=service.name, clock=clock),
            bus=(bus := QuietBus()),
            token_checker=TokenChecker(keys=issuer.keys, **audience, clock=clock),
        )
        return Site(new_app(service, resources, work=False), resources, clock, bus, issuer)

    return site


@pytest.fixture
async def deploy(
    postgres: EmbeddedPostgres,
    service_template: Callable[[Service], str],
    sites: Idle,
    new_site: Callable[[Service], Site],
) -> AsyncIterator[Deploy]:
    """Bring a service up on a fresh copy of its database; it is gone after the test."""
    async with AsyncExitStack() as stack:

        async def leave(service: Service, site: Site) -> None:
            await site.resources.database.close()
            site.clock.path.unlink()  # it never goes back
            site.bus.behind.clear()
            with postgres.connect() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(site.database))
            sites[service.name, service.build].append(site)

        async def up(service: Service) -> Running:
            template = service_template(service)
            idle = sites[service.name, service.build]
            site = idle.pop() if idle else new_site(service)
            with postgres.connect() as connection:
                made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
                connection.execute(made.format(site.database, sql.Identifier(template)))
            stack.push_async_callback(leave, service, site)
            site.clock.advance_to(START)
            transport = httpx.ASGITransport(app=site.app, raise_app_exceptions=False)
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
            return Running(service, site.resources, client, site.issuer)

        yield up
