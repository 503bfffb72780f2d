"""What a group reads is worked off in lanes, beside each other; one key's events stay in one lane, in their order.

While the database writes what one lane decided, the next one decides. A lane takes the partitions of
every second number, so a person or an organisation stands in the same lane in every topic.
"""

import asyncio
from collections.abc import Awaitable, Callable

from changhu_common.bus.port import BATCH_MESSAGES_MAX, Batch, Delivered, Reader

# One computes and one waits for the database; more only wait for each other.
LANES = 2


class Interrupted(Exception):
    """What was read could not be applied: the reader goes back and reads it again."""


class Lanes:
    """The batches of one reader that are under way; whoever drives them calls `step` again and again."""

    def __init__(self, reader: Reader, apply: Callable[[Batch], Awaitable[None]]) -> None:
        self._reader = reader
        self._apply = apply
        self._waiting: list[list[Delivered]] = [[] for _ in range(LANES)]
        self._running: dict[int, tuple[asyncio.Task[None], Batch]] = {}

    async def step(self, *, wait_seconds: float) -> None:
        """Read where a lane has nothing to do, let every lane go on, and commit what is through.

        Interrupted where a lane could not apply its batch: then the caller lets the others `finish` and rewinds the
        reader. What the reader itself fails with is raised as it is: it is of no more use.
        """
        if self._has_room():
            batch = await self._reader.read(wait_seconds=0 if self._running else wait_seconds)
            for each in batch.delivered:
                self._waiting[each.partition % LANES].append(each)
        self._go_on()
        await self._commit_done()

    async def finish(self) -> None:
        """Let what is under way end, and commit it; raises what failed last. Nothing new begins."""
        failed: Exception | None = None
        while self._running:
            try:
                await self._commit_done()
            except Exception as failure:
                failed = failure
        if failed:
            raise failed

    def _has_room(self) -> bool:
        idle = any(not of_lane and lane not in self._running for lane, of_lane in enumerate(self._waiting))
        return idle and sum(map(len, self._waiting)) < LANES * BATCH_MESSAGES_MAX

    def _go_on(self) -> None:
        for lane, of_lane in enumerate(self._waiting):
            if of_lane and lane not in self._running:
                batch = Batch(of_lane[:BATCH_MESSAGES_MAX])
                del of_lane[:BATCH_MESSAGES_MAX]
                self._running[lane] = asyncio.ensure_future(self._apply(batch)), batch

    async def _commit_done(self) -> None:
        """Wait until a lane is through, and commit it."""
        if not self._running:
            return
        tasks = {task: lane for lane, (task, _) in self._running.items()}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        _, batch = self._running.pop(tasks[task])
        if failure := task.exception():
            raise Interrupted(repr(failure)) from failure
        await self._reader.commit(batch)
