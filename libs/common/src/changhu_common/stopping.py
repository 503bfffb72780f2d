"""A loop that has nothing to do waits until there may be something again, or until it is told to stop."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`, whichever comes first."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


async def work_until(
    stop: asyncio.Event,
    step: Callable[[], Awaitable[object]],
    *,
    name: str,
    idle_seconds: float,
    first: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Take one step after the other until `stop`; the one in hand is finished.

    A step that did nothing (whatever is false), or failed, is followed by a pause of so long. `first` comes
    once before all steps, and again until it did not fail.
    """
    while not stop.is_set():
        try:
            if first is not None:
                await first()
                first = None
            if await step():
                continue
        except Exception as failure:
            log.warning("work interrupted", work=name, error=repr(failure))
        await pause(stop, idle_seconds)
