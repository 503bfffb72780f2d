"""A loop that has nothing to do waits until there may be something again, or until it is told to stop."""

import asyncio


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`, whichever comes first."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
