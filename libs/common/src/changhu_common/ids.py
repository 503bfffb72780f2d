"""An id says nothing about a person; ids made one after another sort in that order.

What is new gets a UUIDv7 (RFC 9562). What follows from its content (an event of a source row, a
line of a statement) gets a name-based UUIDv5, so that making it twice makes the same id.
"""

import json
import os
import threading
import time
from datetime import date
from uuid import UUID, uuid5

_ROOT = UUID("a8c2a4f4-5d0c-5f0e-9a53-6e1c0f7c2b11")  # never changes: every named id hangs on it
_COUNTER_BITS = 12
_COUNTER_MAX = (1 << _COUNTER_BITS) - 1

# Kept: making an encoder costs as much as what it writes here.
_written = json.JSONEncoder(ensure_ascii=False).encode


class _Sequence:
    """Milliseconds and a 12-bit counter that together only rise (RFC 9562, 6.2, method 1)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def next(self, random: int) -> tuple[int, int]:
        millisecond = time.time_ns() // 1_000_000
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond = millisecond
                # Seeding only the lower half leaves room to count within the millisecond.
                self._counter = random & (_COUNTER_MAX >> 1)
            elif self._counter < _COUNTER_MAX:
                self._counter += 1
            else:  # more than the counter holds, or the wall clock went back: borrow from the future
                self._millisecond += 1
                self._counter = 0
            return self._millisecond, self._counter

    def take(self, count: int) -> range:
        """So many places at once: each is milliseconds and counter together, as one number."""
        millisecond = time.time_ns() // 1_000_000
        with self._lock:
            first = max(millisecond << _COUNTER_BITS, (self._millisecond << _COUNTER_BITS | self._counter) + 1)
            last = first + count - 1
            self._millisecond, self._counter = last >> _COUNTER_BITS, last & _COUNTER_MAX
        return range(first, last + 1)


_sequence = _Sequence()


def new_id() -> UUID:
    """A UUIDv7, greater than every one that this process made before."""
    random = int.from_bytes(os.urandom(10))  # fresh for each id, so forked processes never agree
    millisecond, counter = _sequence.next(random >> 64)
    tail = random & ((1 << 62) - 1)
    return UUID(int=millisecond << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | tail)


def new_ids(count: int) -> list[tuple[bytes, bytes]]:
    """So many UUIDv7, each as its 16 bytes and as text: what a million rows are made with."""
    tails = os.urandom(8 * count)
    made = []
    for at, place in enumerate(_sequence.take(count)):
        head = place >> _COUNTER_BITS << 16 | 0x7000 | place & _COUNTER_MAX
        tail = int.from_bytes(tails[8 * at : 8 * at + 8]) & ((1 << 62) - 1) | 0b10 << 62
        text = f"{head:016x}{tail:016x}"
        dashed = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        made.append((bytes.fromhex(text), dashed.encode()))
    return made


def named_id(namespace: str, *parts: str | int | date | UUID) -> UUID:
    """The UUIDv5 that `namespace` ("settlement.line") and the parts always give; their order counts."""
    # JSON keeps the parts apart: ("ab", "c") and ("a", "bc") are different names.
    return uuid5(_ROOT, _written([namespace, *map(str, parts)]))
