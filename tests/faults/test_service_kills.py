"""A service that is killed at its work and started again goes on where it was: the story ends with the same books."""

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from changhu_common.clock import FileClock
from changhu_common.periods import Month
from changhu_common.service import Service
from changhu_policies import load_pack
from changhu_standalone.deployment import SERVICES, Standalone
from changhu_standalone.postgres import EmbeddedPostgres
from changhu_standalone.story.chapters import Story, story_begins
from changhu_standalone.story.city import City, build_city
from changhu_standalone.story.office import Office
from changhu_standalone.story.report import Proof, prove

from tests.support.kafka import Broker
from tests.support.processes import Processes, processes

POOL = "211100"
PATIENCE_SECONDS = 60.0
STRUCK = 3  # of the five, at once: what one has told and another not yet heard is on its way then


def city() -> City:
    counties = sorted(load_pack(POOL).counties)
    return build_city(pool=POOL, counties=counties, month=Month(2026, 7), people=60, applications=4, seed=11)


class Patient(httpx.AsyncHTTPTransport):
    """Sends a request again until it is answered: its Idempotency-Key makes that one request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await super().handle_async_request(request)
                await answer.aread()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return answer


async def strike(running: Processes, struck: Sequence[Service], *, after_seconds: float) -> None:
    """Kill services at once and start them again."""
    await asyncio.sleep(after_seconds)
    for service in struck:
        await asyncio.to_thread(running.kill, service)
    for service in struck:
        running.start(service)
    await running.ready()


async def told(story: Story) -> tuple[Proof, dict[str, Any]]:
    async for _ in story.tell():
        pass
    return await prove(story)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    made = Path(tempfile.mkdtemp(prefix="changhu-service-kills-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def undisturbed(folder: Path) -> dict[str, Any]:
    """The books of the same city, told in one process that nobody touches."""
    clock = FileClock(folder / "clock")
    standalone = Standalone(folder, clock=clock)
    standalone.server.durable = False
    standalone.start()
    try:
        clock.advance_to(story_begins(city()))
        async with standalone.clients(standalone.app()) as clients:
            story = Story(city=city(), office=Office(clients=clients, issuer=standalone.issuer), clock=clock)
            return (await told(story))[1]
    finally:
        standalone.stop()


async def test_services_killed_at_their_work_change_nothing_in_the_books(
    kafka: Broker,
    folder: Path,
    postgres: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    service_template: Callable[[Service], str],
) -> None:
    expected = await undisturbed(folder / "undisturbed")
    seed = int(os.environ.get("CHANGHU_KILL_SEED", "0")) or time.time_ns()
    chance = random.Random(seed)
    clock = FileClock(folder / "clock")
    clock.advance_to(story_begins(city()))

    def database_of(service: Service) -> str:
        return fresh_database(service.database, template=service_template(service))

    bus = {"CHANGHU_BUS": "kafka", "CHANGHU_KAFKA_BOOTSTRAP": kafka.bootstrap}
    async with (
        processes(folder=folder, server=postgres, database_of=database_of, clock=clock, bus=bus) as (running, issuer),
        AsyncExitStack() as stack,
    ):
        clients = {
            name: await stack.enter_async_context(
                httpx.AsyncClient(base_url=client.base_url, transport=Patient(), timeout=60)
            )
            for name, client in running.clients.items()
        }
        story = Story(city=city(), office=Office(clients=clients, issuer=issuer), clock=clock)
        # From the first enrolment on there is always somebody at work.
        chapter, struck = chance.randrange(1, len(story.chapters)), chance.sample(SERVICES, STRUCK)
        striking = None
        async for _ in story.tell():
            chapter -= 1
            if chapter == 0:
                striking = asyncio.create_task(strike(running, struck, after_seconds=chance.uniform(0, 1)))
        assert striking is not None
        await striking
        proof, books = await prove(story)
    assert proof.holds, f"seed {seed}"
    assert books == expected, f"seed {seed}"
