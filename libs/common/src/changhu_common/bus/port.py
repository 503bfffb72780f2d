"""What a bus is to us: a durable log by topic and partition, read by groups that keep their own place.

Messages of one key stay in order. A batch that was read and not committed is read again, so every
reader must be able to see a message twice.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

# The most messages that one read hands over: what a consumer applies in one transaction.
BATCH_MESSAGES_MAX = 1_000

# One number for all topics, fixed: a key must map to the same partition for ever.
PARTITIONS = 6


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: the key decides the partition, headers are text."""

    topic: str
    key: str
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message with its place in the log."""

    message: Message
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind on a topic: messages written and not yet committed."""

    topic: str
    messages: int


@dataclass(slots=True)
class Batch:
    """What one read brought, in order within each partition."""

    delivered: Sequence[Delivered] = field(default_factory=tuple)

    def next_offsets(self) -> dict[tuple[str, int], int]:
        """Where each partition goes on after this batch."""
        ends: dict[tuple[str, int], int] = {}
        for each in self.delivered:
            place = (each.message.topic, each.partition)
            ends[place] = max(ends.get(place, 0), each.offset + 1)
        return ends


class Reader(Protocol):
    """One member of a group. Only one member at a time reads a partition."""

    async def read(self, *, wait_seconds: float) -> Batch:
        """The next messages, at most `BATCH_MESSAGES_MAX`; empty when none came in time."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Remember for the group that everything in the batch was dealt with."""
        ...

    async def rewind(self) -> None:
        """Go back to what is committed, after a batch that could not be dealt with."""
        ...


class Bus(Protocol):
    """The port. Adapters keep no state that a restart would lose."""

    async def create_topics(self, topics: Sequence[str]) -> None:
        """Make the topics that are not there yet."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Write all of them, in order; returns once they are durable."""
        ...

    def reader(self, *, group: str, topics: Sequence[str]) -> AbstractAsyncContextManager[Reader]:
        """Join a group."""
        ...

    async def lag(self, *, group: str, topics: Sequence[str]) -> list[Lag]:
        """How far the group is behind, topic by topic."""
        ...

    async def close(self) -> None: ...
