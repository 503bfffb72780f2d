"""The five services as processes of their own, as a deployment runs them: on one bus, each with its database."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
from changhu_common.auth import DevelopmentIssuer
from changhu_common.clock import FileClock
from changhu_common.field_encryption import FieldKey, IndexKey
from changhu_common.service import Service
from changhu_standalone.deployment import SERVICES
from changhu_standalone.postgres import EmbeddedPostgres

ISSUER = "urn:changhu:test"
READY_SECONDS = 60.0


class Processes:
    """Started services with a client each; `kill` and `start` are for what must survive them."""

    def __init__(self, folder: Path, environments: dict[str, dict[str, str]]) -> None:
        self._folder = folder
        self._environments = environments
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.clients: dict[str, httpx.AsyncClient] = {}

    def start(self, service: Service) -> None:
        with (self._folder / f"{service.name}.log").open("ab") as log:
            self._running[service.name] = subprocess.Popen(
                [sys.executable, "-m", service.database],
                env=os.environ | self._environments[service.name],
                stdout=log,
                stderr=log,
            )

    def kill(self, service: Service, how: signal.Signals = signal.SIGKILL) -> int:
        process = self._running[service.name]
        process.send_signal(how)
        return process.wait(timeout=30)

    async def ready(self) -> None:
        """Wait until every service answers; fails with the log of one that ended."""
        async with asyncio.timeout(READY_SECONDS):
            for name, client in self.clients.items():
                while True:
                    if (code := self._running[name].poll()) is not None:
                        log = (self._folder / f"{name}.log").read_text(errors="replace")
                        raise RuntimeError(f"{name} ended with {code}:\n{log[-3000:]}")
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get("/health/ready")).is_success:
                            break
                    await asyncio.sleep(0.1)

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.asynccontextmanager
async def processes(
    *,
    folder: Path,
    server: EmbeddedPostgres,
    database_of: Callable[[Service], str],
    clock: FileClock,
    bus: dict[str, str],
) -> AsyncIterator[tuple[Processes, DevelopmentIssuer]]:
    """Bring the five services up on a bus (its CHANGHU_ variables); they end with the block."""
    issuer = DevelopmentIssuer(folder / "issuer.pem", issuer=ISSUER, audience="changhu", clock=clock)
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    field_key, index_key = FieldKey.generated().written(), IndexKey.generated().written()
    ports = {service.name: free_port() for service in SERVICES}
    environments = {
        service.name: {
            "CHANGHU_ENVIRONMENT": "development",
            "CHANGHU_DATABASE_URL": server.url(database_of(service), service.database, driver="psycopg"),
            "CHANGHU_OIDC_ISSUER": ISSUER,
            "CHANGHU_OIDC_JWKS": str(folder / "jwks.json"),
            "CHANGHU_FIELD_KEYS": json.dumps({"1": field_key}),
            "CHANGHU_FIELD_KEY_CURRENT": "1",
            "CHANGHU_INDEX_KEYS": json.dumps({"1": index_key}),
            "CHANGHU_INDEX_KEY_CURRENT": "1",
            "CHANGHU_CLOCK_FILE": str(clock.path),
            "CHANGHU_PORT": str(ports[service.name]),
            **bus,
        }
        for service in SERVICES
    }
    running = Processes(folder, environments)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(running.stop)
        for service in SERVICES:
            running.clients[service.name] = await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[service.name]}", timeout=60)
            )
            running.start(service)
        await running.ready()
        yield running, issuer
