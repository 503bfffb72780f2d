"""A service under test: its own fresh database on the real server, asked over HTTP, told events by hand.

`hear` gives it events as the bus would; `told` is what it has put into its outbox.
"""

import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from changhu_common.auth import DevelopmentIssuer, TokenChecker
from changhu_common.bus.port import Batch, Delivered, Message
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
from changhu_common.service import Resources, Service, Worker, new_app
from changhu_common.settings import ServiceSettings
from changhu_standalone.postgres import EmbeddedPostgres
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


@pytest.fixture
async def deploy(
    postgres: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    service_template: Callable[[Service], str],
    settings_for: Callable[..., ServiceSettings],
    tmp_path: Path,
) -> AsyncIterator[Deploy]:
    """Bring a service up on a fresh copy of its database; it is gone after the test."""
    async with AsyncExitStack() as stack:

        def drop(database: str) -> None:
            with postgres.connect() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

        async def up(service: Service) -> Running:
            database = fresh_database(service.database, template=service_template(service))
            stack.callback(drop, database)
            clock_file = tmp_path / "clock"
            clock = FileClock(clock_file)
            clock.advance_to(START)
            settings = settings_for(service, database=database, clock_file=clock_file)
            issuer = DevelopmentIssuer(
                tmp_path / "issuer.pem", issuer="https://issuer.test", audience="changhu", clock=clock
            )
            resources = Resources(
                settings=settings,
                clock=clock,
                database=Database(
                    settings.database_url.get_secret_value(), spine=service.spine, source=service.name, clock=clock
                ),
                bus=PostgresBus("host=/nowhere"),
                token_checker=TokenChecker(
                    keys=issuer.keys, issuer="https://issuer.test", audience="changhu", clock=clock
                ),
            )
            app = new_app(service, resources, work=False)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
            stack.push_async_callback(resources.close)
            return Running(service, resources, client, issuer)

        yield up
