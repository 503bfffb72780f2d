"""Lanes run beside each other; a partition's messages are applied in order and committed once they are applied."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from changhu_common.bus.port import PARTITIONS, Batch, Delivered, Message
from changhu_common.lanes import LANES, Interrupted, Lanes
from hypothesis import given, settings
from hypothesis import strategies as st


class Log:
    """A reader over partitions that are given whole; it goes back to what was committed when it is told to."""

    def __init__(self, partitions: Sequence[int], *, at_once: int = 3) -> None:
        self.written = [
            Delivered(Message("t", str(partition), {}, b""), partition, partitions[:place].count(partition))
            for place, partition in enumerate(partitions)
        ]
        self.committed: dict[int, int] = {}
        self._position = dict(self.committed)
        self._at_once = at_once

    async def read(self, *, wait_seconds: float) -> Batch:
        ahead = [each for each in self.written if each.offset >= self._position.get(each.partition, 0)]
        batch = Batch(ahead[: self._at_once])
        self._position |= {partition: end for (_, partition), end in batch.next_offsets().items()}
        await asyncio.sleep(0)
        return batch

    async def commit(self, batch: Batch) -> None:
        self.committed |= {partition: end for (_, partition), end in batch.next_offsets().items()}

    async def rewind(self) -> None:
        self._position = dict(self.committed)

    def done(self) -> bool:
        return sum(self.committed.values()) == len(self.written)


@settings(deadline=None)
@given(partitions=st.lists(st.integers(0, PARTITIONS - 1), max_size=40), pauses=st.lists(st.integers(0, 3), min_size=1))
async def test_a_partition_is_applied_in_order_and_everything_once(partitions: list[int], pauses: list[int]) -> None:
    log, applied = Log(partitions), []

    async def apply(batch: Batch) -> None:
        for each in batch.delivered:
            for _ in range(pauses[len(applied) % len(pauses)]):
                await asyncio.sleep(0)
            applied.append((each.partition, each.offset))

    lanes = Lanes(log, apply)
    while not log.done():
        await lanes.step(wait_seconds=0)
    assert sorted(applied) == sorted((each.partition, each.offset) for each in log.written)
    for partition in set(partitions):
        offsets = [offset for at, offset in applied if at == partition]
        assert offsets == sorted(offsets)


async def test_a_lane_that_waits_holds_up_no_other() -> None:
    log, free = Log([0, 1, 1, 1]), asyncio.Event()

    async def apply(batch: Batch) -> None:
        if batch.delivered[0].partition == 0:
            await free.wait()

    lanes = Lanes(log, apply)
    while log.committed != {1: 3}:
        await lanes.step(wait_seconds=0)
    free.set()
    await lanes.finish()
    assert log.committed == {0: 1, 1: 3}


async def test_a_partition_is_never_in_two_batches_at_once() -> None:
    log, under_way = Log([0, LANES, 0, LANES, 1], at_once=1), set()

    async def apply(batch: Batch) -> None:
        lanes_of = {each.partition % LANES for each in batch.delivered}
        assert len(lanes_of) == 1
        assert not lanes_of & under_way
        under_way.update(lanes_of)
        await asyncio.sleep(0)
        under_way.difference_update(lanes_of)

    lanes = Lanes(log, apply)
    while not log.done():
        await lanes.step(wait_seconds=0)


async def test_what_failed_is_not_committed_and_is_applied_after_the_reader_went_back() -> None:
    log, failing, applied = Log([0, 1, 0, 1]), True, []

    async def apply(batch: Batch) -> None:
        if failing and batch.delivered[0].partition == 0:
            raise OSError("the database is gone")
        applied.extend(each.partition for each in batch.delivered)

    lanes = Lanes(log, apply)
    with pytest.raises(Interrupted, match="gone"):
        while True:
            await lanes.step(wait_seconds=0)
    with suppress(Interrupted):
        await lanes.finish()
    assert 0 not in log.committed
    failing = False
    await log.rewind()
    lanes = Lanes(log, apply)
    while not log.done():
        await lanes.step(wait_seconds=0)
    assert sorted(applied) == [0, 0, 1, 1]


async def test_what_is_under_way_is_committed_when_it_is_to_end_and_nothing_new_begins() -> None:
    log, began = Log([0, 1, 0, 1, 0, 1], at_once=6), []

    async def apply(batch: Batch) -> None:
        began.append(batch)
        await asyncio.sleep(0)

    lanes = Lanes(log, apply)
    await lanes.step(wait_seconds=0)
    await lanes.finish()
    assert len(began) == LANES
    assert log.committed == {0: 3, 1: 3}
