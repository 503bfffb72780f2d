"""Values as PostgreSQL takes them in binary: what COPY streams and arrays are made of, without a text form between.

A field is a value's length and its bytes; what is missing has the length −1. How a value is written
follows from its column's type.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

Field = Callable[[Any], bytes]

_NULL = struct.pack("!i", -1)
_LENGTH = struct.Struct("!i").pack
_INT2 = struct.Struct("!ih").pack
_INT4 = struct.Struct("!ii").pack
_INT8 = struct.Struct("!iq").pack
_TRUE, _FALSE = b"\0\0\0\1\1", b"\0\0\0\1\0"
_SIXTEEN = _LENGTH(16)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECONDS = 1_000_000
_JSONB_VERSION = b"\x01"


def field(value: bytes | None) -> bytes:
    """A field of what is bytes already."""
    return _NULL if value is None else _LENGTH(len(value)) + value


def int8(value: int | None) -> bytes:
    """A bigint as a field."""
    return _NULL if value is None else _INT8(8, value)


def int4(value: int) -> bytes:
    """An int as a field."""
    return _INT4(4, value)


def row(*fields: bytes) -> bytes:
    """A row of fields in a COPY stream."""
    return struct.pack("!h", len(fields)) + b"".join(fields)


def _text(value: Any) -> bytes:
    said = (value if isinstance(value, str) else str(value)).encode()
    return _LENGTH(len(said)) + said


def _uuid(value: Any) -> bytes:
    of: bytes = (value if isinstance(value, UUID) else UUID(value)).bytes
    return _SIXTEEN + of


def _moment(value: datetime) -> bytes:
    since = value - _EPOCH
    return _INT8(8, (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds)


def _json(value: Any) -> bytes:
    options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
    return field(_JSONB_VERSION + orjson.dumps(value, default=str, option=options))


class _Known(dict[Any, bytes]):
    """Fields of values that come again and again, each written once."""

    def __init__(self, write: Field) -> None:
        super().__init__({None: _NULL})
        self._write = write

    def __missing__(self, value: Any) -> bytes:
        written = self[value] = self._write(value)
        return written


@dataclass(frozen=True, slots=True)
class BinaryForm:
    """How a column's values are written: the type's number in PostgreSQL, and a value (never None) as a field.

    `repeats` says that a batch has few values of such a type: days, moments, words.
    """

    oid: int
    write: Field
    repeats: bool = False

    def fields(self, values: Iterable[Any]) -> list[bytes]:
        """Values as fields; a missing one is NULL."""
        if self.repeats:
            return list(map(_Known(self.write).__getitem__, values))
        write = self.write
        return [_NULL if value is None else write(value) for value in values]

    def array(self, values: Iterable[Any]) -> "BinaryArray":
        """Values as one array."""
        fields = self.fields(values)
        if not fields:
            return BinaryArray(struct.pack("!iiI", 0, 0, self.oid))
        return BinaryArray(struct.pack("!iiIii", 1, 1, self.oid, len(fields), 1) + b"".join(fields))


class BinaryArray:
    """An array as it goes to the server: a parameter of a statement that casts it to its type."""

    __slots__ = ("written",)

    def __init__(self, written: bytes) -> None:
        self.written = written


class _AsWritten(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> bytes:
        return obj.written


psycopg.adapters.register_dumper(BinaryArray, _AsWritten)

# In this order: a BigInteger and a SmallInteger are Integers to SQLAlchemy.
_FORMS: tuple[tuple[type, BinaryForm], ...] = (
    (BigInteger, BinaryForm(20, lambda value: _INT8(8, int(value)))),
    (SmallInteger, BinaryForm(21, lambda value: _INT2(2, int(value)))),
    (Integer, BinaryForm(23, lambda value: _INT4(4, int(value)))),
    (Text, BinaryForm(25, _text, repeats=True)),
    (Uuid, BinaryForm(2950, _uuid)),
    (Date, BinaryForm(1082, lambda value: _INT4(4, value.toordinal() - _EPOCH_DAY), repeats=True)),
    (DateTime, BinaryForm(1184, _moment, repeats=True)),
    (Boolean, BinaryForm(16, lambda value: _TRUE if value else _FALSE)),
    (LargeBinary, BinaryForm(17, lambda value: field(bytes(value)))),
    (JSONB, BinaryForm(3802, _json)),
)


@lru_cache(maxsize=1024)
def form_of(column: Column[Any]) -> BinaryForm | None:
    """How a column's values are written in binary; None for types that go another way."""
    return next((form for kind, form in _FORMS if isinstance(column.type, kind)), None)


def array_of(column: Column[Any], values: Iterable[Any]) -> Any:
    """Values of a column as a parameter that a statement casts to an array of its type."""
    form = form_of(column)
    return list(values) if form is None else form.array(values)
