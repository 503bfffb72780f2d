"""An id says nothing about a person; ids made one after another sort in that order.

What is new gets a UUIDv7 (RFC 9562). What follows from its content (an event of a source row, a
line of a statement) gets a name-based UUIDv5, so that making it twice makes the same id.
"""

import os
import struct
import threading
import time
from datetime import date
from hashlib import sha1
from json.encoder import encode_basestring
from uuid import UUID

_ROOT = UUID("a8c2a4f4-5d0c-5f0e-9a53-6e1c0f7c2b11")  # never changes: every named id hangs on it
_COUNTER_BITS = 12
_COUNTER_MAX = (1 << _COUNTER_BITS) - 1
# A random byte with the variant of RFC 9562 in its first two bits, and where a text of 36 has its 32 digits.
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))
_DIGITS = [at for at in range(36) if at not in (8, 13, 18, 23)]


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
    """So many UUIDv7, each as its 16 bytes and as text: what a million rows are made with.

    All ids are written side by side, one place of all of them at a time.
    """
    heads = [place >> _COUNTER_BITS << 16 | 0x7000 | place & _COUNTER_MAX for place in _sequence.take(count)]
    first, last = struct.pack(f"!{count}Q", *heads), bytearray(os.urandom(8 * count))
    last[::8] = last[::8].translate(_VARIANT)
    ids = bytearray(16 * count)
    for at in range(8):
        ids[at::16], ids[at + 8 :: 16] = first[at::8], last[at::8]
    digits, texts = ids.hex().encode(), bytearray(b"-" * 36 * count)
    for digit, at in enumerate(_DIGITS):
        texts[at::36] = digits[digit::32]
    return list(zip(struct.unpack("16s" * count, ids), struct.unpack("36s" * count, texts), strict=True))


def named_id(namespace: str, *parts: str | int | date | UUID) -> UUID:
    """The UUIDv5 that `namespace` ("settlement.line") and the parts always give; their order counts."""
    # A name is a JSON array, which keeps the parts apart: ("ab", "c") and ("a", "bc") are different names. Array and
    # uuid5 are written out here, because everything that is posted or settled is named: it halves what a name costs.
    name = f"[{', '.join(map(encode_basestring, [namespace, *map(str, parts)]))}]"
    return UUID(bytes=sha1(_ROOT.bytes + name.encode(), usedforsecurity=False).digest()[:16], version=5)
