"""What a service is made of: its database, the bus, the clock, and the app and worker around them.

The worker (relay, consumer) runs beside the app in one process; several such processes share the work,
because one relay leads and a group's partitions have one owner each.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from sqlalchemy import MetaData, func, select, text
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from changhu_common.auth import TokenChecker, allow, keys_from_file, keys_from_url
from changhu_common.bus.kafka import KafkaBus
from changhu_common.bus.port import Bus
from changhu_common.bus.postgres import PostgresBus
from changhu_common.clock import Clock, FileClock, SystemClock
from changhu_common.consumer import Consumer, Parked, Subscription
from changhu_common.database import Database
from changhu_common.events import REGISTRY, topic_names
from changhu_common.logs import set_up_logs
from changhu_common.metrics import CONTENT_TYPE, Metrics
from changhu_common.problems import install_problems
from changhu_common.relay import Relay
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from changhu_common.settings import ServiceSettings
from changhu_common.spine import Spine
from changhu_common.tracing import enter_trace

# New objects between two looks of the garbage collector: about what a batch of events makes.
COLLECTED_AFTER_OBJECTS = 50_000


@dataclass(frozen=True, slots=True)
class Resources:
    """What a service runs on; opened once for each process and service."""

    settings: ServiceSettings
    clock: Clock
    database: Database
    bus: Bus
    token_checker: TokenChecker

    async def close(self) -> None:
        await self.database.close()
        await self.bus.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service adds to the common frame.

    `loops` run beside the relay and the consumer until they are told to stop; `backlog` counts the
    work that they have still to do.
    """

    routers: Sequence[APIRouter]
    subscription: Subscription | None = None
    loops: Sequence[Callable[[asyncio.Event], Coroutine[None, None, None]]] = ()
    backlog: Callable[[], Awaitable[int]] | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service as whoever deploys it sees it.

    `name` is also the name of its consumer group, `database` that of its database and of the role
    that runs it.
    """

    name: str
    title: str
    metadata: MetaData
    spine: Spine
    migrations: Path
    build: Callable[[Resources], Parts]

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Flow:
    """How much is on its way through a service: to be told, to be heard, to be worked off, parked."""

    outbox: int
    outbox_oldest_seconds: float
    lag: dict[str, int]
    backlog: int
    parked: int


class Worker:
    """Relays a service's outbox and consumes its topics until it is stopped."""

    def __init__(self, resources: Resources, parts: Parts) -> None:
        self._resources = resources
        self._parts = parts
        self.relay = Relay(database=resources.database, bus=resources.bus)
        self.consumer = (
            Consumer(
                database=resources.database,
                bus=resources.bus,
                registry=REGISTRY,
                subscription=parts.subscription,
            )
            if parts.subscription
            else None
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; what is in hand is finished."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay.run(stop))
            if self.consumer:
                tasks.create_task(self.consumer.run(stop))
            for loop in self._parts.loops:
                tasks.create_task(loop(stop))

    async def flow(self) -> Flow:
        spine = self._resources.database.spine
        async with self._resources.database.read() as connection:
            outbox, oldest = (
                await connection.execute(
                    select(
                        func.count(),
                        # The database's own time on both sides: a moved clock says nothing of waiting.
                        func.coalesce(func.extract("epoch", func.now() - func.min(spine.outbox.c.created_at)), 0),
                    ).where(spine.outbox.c.published_at.is_(None))
                )
            ).one()
            parked, put_back = (
                await connection.execute(select(func.count(), func.count(spine.parked.c.replay_asked_at)))
            ).one()
        lag = {each.topic: each.messages for each in await self.consumer.lag()} if self.consumer else {}
        backlog = put_back + (await self._parts.backlog() if self._parts.backlog else 0)
        return Flow(
            outbox=outbox,
            outbox_oldest_seconds=float(oldest),
            lag=lag,
            backlog=backlog,
            parked=parked,
        )


def open_clock(settings: ServiceSettings) -> Clock:
    return FileClock(settings.clock_file) if settings.clock_file else SystemClock()


def open_bus(settings: ServiceSettings) -> Bus:
    if settings.bus == "kafka":
        return KafkaBus(settings.kafka_bootstrap)
    return PostgresBus(settings.bus_url.get_secret_value())


def open_resources(settings: ServiceSettings, service: Service) -> Resources:
    """Everything that a service needs from its settings; nothing connects yet."""
    clock = open_clock(settings)
    at = settings.oidc_jwks
    keys = keys_from_url(at) if at.startswith(("http://", "https://")) else keys_from_file(Path(at))
    return Resources(
        settings=settings,
        clock=clock,
        database=Database(
            settings.database_url.get_secret_value(), spine=service.spine, source=service.name, clock=clock
        ),
        bus=open_bus(settings),
        token_checker=TokenChecker(
            keys=keys, issuer=settings.oidc_issuer, audience=settings.oidc_audience, clock=clock
        ),
    )


def new_app(service: Service, resources: Resources, *, work: bool = True) -> FastAPI:
    """A service's app. `work=False` leaves its worker to another process (or to a test)."""
    parts = service.build(resources)
    worker = Worker(resources, parts)
    metrics = Metrics(service.name)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(resources.close)
            if work:
                await resources.bus.create_topics(topic_names())
                task = asyncio.create_task(worker.run(stop))

                async def finish() -> None:
                    stop.set()
                    await task

                stack.push_async_callback(finish)
            yield

    app = FastAPI(title=service.title, lifespan=lifespan, openapi_url="/openapi.json", docs_url="/docs", redoc_url=None)
    app.state.resources = resources
    app.state.token_checker = resources.token_checker
    app.state.worker = worker
    install_problems(app)

    app.add_middleware(Observation, metrics=metrics)
    app.include_router(_operations(service.name, worker, resources, metrics))
    for router in parts.routers:
        app.include_router(router)
    return app


class Observation:
    """Enter each request's trace, and count it by route and answer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        enter_trace(Headers(scope=scope).get("traceparent"))
        began, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            route = scope.get("route")
            self._metrics.request(
                method=scope["method"],
                route=route.path if route else "unknown",
                status=status,
                seconds=time.perf_counter() - began,
            )


def _operations(name: str, worker: Worker, resources: Resources, metrics: Metrics) -> APIRouter:
    """What those who run the service look at: is it alive, is it behind, what is parked."""
    router = APIRouter(tags=["operations"])
    Operator = Annotated[Caller, allow(Role.OPERATOR)]

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"service": name, "status": "alive"}

    @router.get("/health/ready")
    async def ready() -> dict[str, str]:
        async with resources.database.read() as connection:
            await connection.execute(text("SELECT 1"))
        return {"service": name, "status": "ready"}

    @router.get("/metrics")
    async def exposition() -> Response:
        flow = await worker.flow()
        metrics.flow(
            outbox=flow.outbox,
            outbox_oldest_seconds=flow.outbox_oldest_seconds,
            lag=flow.lag,
            backlog=flow.backlog,
            parked=flow.parked,
        )
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    @router.get("/flow")
    async def flow() -> Flow:
        return await worker.flow()

    @router.get("/dead-letters")
    async def dead_letters(caller: Operator) -> list[Parked]:
        return await worker.consumer.parked() if worker.consumer else []

    @router.post("/dead-letters/replay")
    async def replay(caller: Operator, asked: Asked) -> dict[str, int]:
        """Put everything parked back."""
        return await worker.consumer.ask_replay(asked) if worker.consumer else {"asked": 0}

    return router


def settle_memory() -> None:
    """Take what a process has loaded out of the garbage collector's rounds, and let it look less often.

    A batch makes tens of thousands of short-lived objects; looking through all the code's own for each
    thousand of them costs more than a tenth of the processor's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER_OBJECTS, 20, 100)


def main(service: Service) -> None:
    """Serve one service on its own until SIGTERM or SIGINT; requests and the batch in hand are finished first."""
    settings = ServiceSettings()  # type: ignore[call-arg]  # from the environment
    set_up_logs(service=service.name, json=settings.environment == "production")
    app = new_app(service, open_resources(settings, service))
    settle_memory()
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None)
