"""An event is a fact in the past tense: frozen, versioned, keyed, and it never carries a name or an ID number.

A class below `Event` is the only definition of an event: the wire form, the golden schema and the
AsyncAPI document all come from it. A field is only ever added, with a default; a change that breaks
a reader is a new version beside the old one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

DEAD_SUFFIX = ".dead"


@dataclass(frozen=True, slots=True)
class Topic:
    """One aggregate's stream: what happens to one key stays in order, and nothing is ordered between topics."""

    name: str
    key: str
    purpose: str

    @property
    def dead(self) -> str:
        """Where events that a group could not apply are shown."""
        return self.name + DEAD_SUFFIX


class Event(BaseModel):
    """A fact. Subclasses set `TYPE`, `VERSION`, `TOPIC` and the field that keys it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1
    TOPIC: ClassVar[Topic]
    KEY: ClassVar[str]

    @property
    def key(self) -> str:
        return str(getattr(self, self.KEY))

    @classmethod
    def wire_type(cls) -> str:
        return f"{cls.TYPE}.v{cls.VERSION}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event as it was told: by whom, when it was recorded, under which id."""

    id: UUID
    source: str
    time: datetime
    event: Event
    traceparent: str | None = None


class UnknownEvent(Exception):
    """Nobody here knows this type; whoever adds types must not stop those who do not need them."""


class UnreadableEvent(Exception):
    """A known type that cannot be read: an unknown version, a missing header, a body that breaks the schema."""


class Registry:
    """The events that exist, by their type on the wire."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        self._by_wire_type: dict[str, type[Event]] = {}
        self._types: set[str] = set()
        for event in events:
            if event.wire_type() in self._by_wire_type:
                raise ValueError(f"two events are called {event.wire_type()}")
            self._by_wire_type[event.wire_type()] = event
            self._types.add(event.TYPE)

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(sorted(self._by_wire_type.values(), key=lambda event: event.wire_type()))

    def find(self, wire_type: str) -> type[Event]:
        """The class of a wire type; UnknownEvent for a foreign type, UnreadableEvent for a foreign version."""
        event = self._by_wire_type.get(wire_type)
        if event is not None:
            return event
        if wire_type.rpartition(".v")[0] in self._types:
            raise UnreadableEvent(f"no reader for version {wire_type!r}")
        raise UnknownEvent(wire_type)
