"""Everything on one machine: PostgreSQL from its package, the bus as a log in it, five services in one process.

What stands in the folder: `postgres` (the server), `secrets.json` (keys of this deployment), `issuer.pem`
(who signs tokens here), `jwks.json` (who checks them reads this) and, where a story moves the time, `clock`.
Deleting the folder deletes the deployment.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from assessment.app import SERVICE as ASSESSMENT
from changhu_common.auth import DevelopmentIssuer
from changhu_common.bus.postgres import SCHEMA
from changhu_common.clock import Clock, FileClock, SystemClock
from changhu_common.field_encryption import FieldKey, IndexKey
from changhu_common.migrating import migrate
from changhu_common.private_files import kept_secret
from changhu_common.provisioning import provision
from changhu_common.service import Resources, Service, new_app, open_resources
from changhu_common.settings import ServiceSettings
from changhu_policies.drafts import ALL as ALL_DRAFTS
from changhu_policies.drafts import SETTING as DRAFT_POOLS
from enrollment.app import SERVICE as ENROLLMENT
from fastapi import FastAPI
from fund_ledger.app import SERVICE as FUND_LEDGER
from fund_ledger.app import build as build_ledger
from provider_registry.app import SERVICE as PROVIDER_REGISTRY
from pydantic import SecretStr
from settlement.app import SERVICE as SETTLEMENT

from changhu_standalone.gathering import ASKED, gathered
from changhu_standalone.postgres import EmbeddedPostgres

SERVICES: tuple[Service, ...] = (ENROLLMENT, ASSESSMENT, PROVIDER_REGISTRY, SETTLEMENT, FUND_LEDGER)

BUS_DATABASE = "bus"

ISSUER = "urn:changhu:standalone"
AUDIENCE = "changhu"


class Standalone:
    """One deployment in one folder. `start` makes what is missing and is safe to repeat after any kill."""

    def __init__(self, data: Path, *, clock: Clock | None = None) -> None:
        # One machine to try things on: drafts run here, and every decision's version says that it is a draft's.
        os.environ.setdefault(DRAFT_POOLS, ALL_DRAFTS)
        self.data = data.expanduser().resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        self.clock_file = self.data / "clock"
        self.server = EmbeddedPostgres(self.data / "postgres")
        # A folder whose time was moved by a story keeps the story's time.
        self.clock: Clock = clock or (FileClock(self.clock_file) if self.clock_file.exists() else SystemClock())

    def start(self) -> Self:
        """Bring the server up and the databases to their newest tables."""
        self.server.start()
        with self.server.connect() as connection:
            # Two commands that open a new folder at once would make the same databases and tables.
            connection.execute("SELECT pg_advisory_lock(hashtextextended('start', 0))")
            self._bring_up_to_date(connection)
        beside = self.data / f"jwks.{os.getpid()}"
        beside.write_text(json.dumps(self.issuer.jwks()), encoding="utf-8")
        beside.replace(self.data / "jwks.json")
        return self

    def _bring_up_to_date(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        for service in SERVICES:
            provision(connection, name=service.database, owner_password=None, runtime_password=None)
        provision(connection, name=BUS_DATABASE, owner_password=None, runtime_password=None)
        for service in SERVICES:
            owner = self.server.url(service.database, f"{service.database}_owner", driver="psycopg")
            migrate(versions=service.migrations, metadata=service.metadata, url=owner)
        with psycopg.connect(self.server.url(BUS_DATABASE, f"{BUS_DATABASE}_owner")) as bus:
            bus.execute(SCHEMA)
            bus.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {BUS_DATABASE}")

    def stop(self) -> None:
        self.server.stop()

    @property
    def issuer(self) -> DevelopmentIssuer:
        """Who issues tokens on this machine."""
        return DevelopmentIssuer(self.data / "issuer.pem", issuer=ISSUER, audience=AUDIENCE, clock=self.clock)

    def settings(self, service: Service) -> ServiceSettings:
        """A service's settings in this deployment."""
        secrets = _secrets(self.data / "secrets.json")
        return ServiceSettings(
            environment="development",
            database_url=SecretStr(self.server.url(service.database, service.database, driver="psycopg")),
            bus="postgres",
            bus_url=SecretStr(self.server.url(BUS_DATABASE, BUS_DATABASE)),
            oidc_issuer=ISSUER,
            oidc_audience=AUDIENCE,
            oidc_jwks=str(self.data / "jwks.json"),
            field_keys={"1": SecretStr(secrets["field_key"])},
            field_key_current="1",
            index_keys={"1": SecretStr(secrets["index_key"])},
            index_key_current="1",
            clock_file=self.clock_file if isinstance(self.clock, FileClock) else None,
        )

    def resources(self, service: Service) -> Resources:
        return open_resources(self.settings(service), service)

    def app(self, *, work: bool = True, of: Sequence[Service] = SERVICES) -> FastAPI:
        """The services under one roof: `/enrollment/…`, `/settlement/…`, each with its own pages.

        `work=False` only answers: what is on its way stays on its way.
        """
        opened = {service.name: self.resources(service) for service in of}
        apps = {service: new_app(self._joined(service, opened), opened[service.name], work=work) for service in of}

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                for app in apps.values():
                    await stack.enter_async_context(app.router.lifespan_context(app))
                yield

        roof = FastAPI(title="长护 Changhu", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)

        @roof.get("/")
        async def services() -> dict[str, dict[str, str]]:
            return {service.name: {"title": service.title, "pages": f"/{service.name}/docs"} for service in SERVICES}

        for service, app in apps.items():
            roof.mount(f"/{service.name}", app)
        return roof

    @staticmethod
    def _joined(service: Service, opened: Mapping[str, Resources]) -> Service:
        """The ledger projects where the services are beside it that know people, grades and payments."""
        if service is not FUND_LEDGER or not opened.keys() >= {each.name for each in ASKED}:
            return service
        return replace(service, build=partial(build_ledger, gather=partial(gathered, opened)))

    @asynccontextmanager
    async def clients(self, app: FastAPI) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
        """Ask the services in this process, by their names, without a port."""
        transport = httpx.ASGITransport(app=app)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.router.lifespan_context(app))
            yield {
                service.name: await stack.enter_async_context(
                    httpx.AsyncClient(transport=transport, base_url=f"http://local/{service.name}", timeout=60)
                )
                for service in SERVICES
            }


def _secrets(path: Path) -> dict[str, str]:
    """This deployment's keys, made at the first start."""

    def make() -> bytes:
        keys = {"field_key": FieldKey.generated().written(), "index_key": IndexKey.generated().written()}
        return json.dumps(keys).encode()

    secrets: dict[str, str] = json.loads(kept_secret(path, make))
    return secrets
