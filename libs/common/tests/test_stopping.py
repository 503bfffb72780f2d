"""A loop goes on while there is work, rests where there is none, survives a failure, and ends when it is told to."""

import asyncio

from changhu_common.stopping import work_until

SOON, LATER = 0.001, 60.0


async def test_steps_follow_each_other_while_there_is_work_and_rest_where_there_is_none() -> None:
    stop, left = asyncio.Event(), 3

    async def step() -> int:
        nonlocal left
        left -= 1
        if left == 0:
            stop.set()
        return left

    async with asyncio.timeout(LATER / 2):
        await work_until(stop, step, name="test", idle_seconds=LATER)
    assert left == 0


async def test_a_step_that_failed_is_tried_again() -> None:
    stop, tries = asyncio.Event(), 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the database is gone")
        stop.set()

    await work_until(stop, step, name="test", idle_seconds=SOON)
    assert tries == 2


async def test_what_comes_first_comes_until_it_did_not_fail_and_then_no_more() -> None:
    stop, done = asyncio.Event(), []

    async def first() -> None:
        done.append("first")
        if len(done) == 1:
            raise OSError("the database is gone")

    async def step() -> bool:
        done.append("step")
        if len(done) == 4:
            stop.set()
        return True

    await work_until(stop, step, name="test", idle_seconds=SOON, first=first)
    assert done == ["first", "first", "step", "step"]


async def test_whoever_is_told_to_stop_does_not_begin() -> None:
    stop = asyncio.Event()
    stop.set()
    await work_until(stop, stop.wait, name="test", idle_seconds=LATER)
