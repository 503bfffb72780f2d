"""Rows that are too many for statements go in as a COPY stream, built from what is the same in most of them.

A template is a row in COPY's binary form with slots; between the slots stands what the rows share,
encoded once.
"""

import itertools
import json
import re
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_EPOCH = date(2000, 1, 1)
_MICROSECONDS = 1_000_000


def slot(number: int) -> UUID:
    """A placeholder in a template: it stands for the number-th id of each row."""
    return UUID(int=0x51070000_0000_7000_8000_000000000000 + number)


class Value:
    """A slot for a value that differs in each row, told as `field(...)` when the row is filled in."""


VALUE = Value()
_MARK = b"\0\xffVALUE\xff\0"


def field(value: bytes | None) -> bytes:
    """A field of a row: its length, then itself."""
    return _NULL if value is None else struct.pack("!i", len(value)) + value


def int8(value: int | None) -> bytes:
    """A bigint as a field."""
    return _NULL if value is None else struct.pack("!iq", 8, value)


def int4(value: int) -> bytes:
    """An int as a field."""
    return struct.pack("!ii", 4, value)


def row(*fields: bytes) -> bytes:
    """A row of fields."""
    return struct.pack("!h", len(fields)) + b"".join(fields)


class RowTemplate:
    """A row of a table with `slots` ids and any number of VALUEs."""

    def __init__(self, table: Table, row: Mapping[str, Any], *, slots: int, into: str | None = None) -> None:
        columns = ", ".join(f'"{name}"' for name in row)
        self.statement = f"COPY {into or table.name} ({columns}) FROM STDIN (FORMAT BINARY)"
        whole = struct.pack("!h", len(row)) + b"".join(
            _MARK if value is VALUE else field(_encoded(table.c[name], value)) for name, value in row.items()
        )
        # In a filled row's ids, 16 bytes and text take turns; the values come after them.
        forms = [form for number in range(slots) for form in (slot(number).bytes, str(slot(number)).encode())]
        parts = re.split(b"(" + b"|".join(map(re.escape, (_MARK, *forms))) + b")", whole)
        self._constant = b"%b".join(part.replace(b"%", b"%%") for part in parts[::2])
        values = itertools.count(len(forms))
        places = [next(values) if part == _MARK else forms.index(part) for part in parts[1::2]]
        self._chosen = itemgetter(*places)

    def filled(self, ids: tuple[bytes, ...], values: tuple[bytes, ...] = ()) -> bytes:
        """A row: `ids` each as 16 bytes and as text, `values` as fields, both in the order of the slots."""
        filled: bytes = self._constant % self._chosen((*ids, *values))
        return filled


def _encoded(column: Column[Any], value: Any) -> bytes | None:
    if value is None:
        return None
    kind = column.type
    if isinstance(kind, Uuid):
        return bytes(value.bytes)
    if isinstance(kind, JSONB):
        return b"\x01" + json.dumps(value, ensure_ascii=False, default=str).encode()
    if isinstance(kind, Text):
        return str(value).encode()
    if isinstance(kind, LargeBinary):
        return bytes(value)
    if isinstance(kind, Boolean):
        return b"\x01" if value else b"\x00"
    if isinstance(kind, Date):
        return struct.pack("!i", (value - _EPOCH).days)
    if isinstance(kind, DateTime):
        since = value - datetime(2000, 1, 1, tzinfo=UTC)
        return struct.pack("!q", (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds)
    if isinstance(kind, Integer):
        return struct.pack("!q" if isinstance(kind, BigInteger) else "!i", value)
    raise TypeError(f"no binary form of {kind} here")


async def copy_in(connection: AsyncConnection, statement: str, rows: Sequence[bytes]) -> None:
    """Let a COPY of binary rows run within the transaction of a connection."""
    if not rows:
        return
    raw = (await connection.get_raw_connection()).driver_connection
    if raw is None:
        raise RuntimeError("the connection is closed")
    async with raw.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(_HEAD + b"".join(rows) + _END)
