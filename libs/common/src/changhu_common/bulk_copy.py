"""Rows that are too many for statements go in as a COPY stream, built from what is the same in most of them.

A template is a row in COPY's binary form with slots; between the slots stands what the rows share,
encoded once.
"""

import itertools
import re
import struct
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from changhu_common.binary import BinaryForm, form_of

_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)


def slot(number: int) -> UUID:
    """A placeholder in a template: it stands for the number-th id of each row."""
    return UUID(int=0x51070000_0000_7000_8000_000000000000 + number)


class Value:
    """A slot for a value that differs in each row, told as `field(...)` when the row is filled in."""


VALUE = Value()
_MARK = b"\0\xffVALUE\xff\0"


class RowTemplate:
    """A row of a table with `slots` ids and any number of VALUEs."""

    def __init__(self, table: Table, row: Mapping[str, Any], *, slots: int, into: str | None = None) -> None:
        columns = ", ".join(f'"{name}"' for name in row)
        self.statement = f"COPY {into or table.name} ({columns}) FROM STDIN (FORMAT BINARY)"
        whole = struct.pack("!h", len(row)) + b"".join(
            _MARK if value is VALUE else _form_of(table.c[name]).fields([value])[0] for name, value in row.items()
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


def _form_of(column: Column[Any]) -> BinaryForm:
    form = form_of(column)
    if form is None:
        raise TypeError(f"no binary form of {column.type} here")
    return form


async def copy_columns(connection: AsyncConnection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Add rows, told as the values of each column: where nothing may be there already or is asked for back."""
    fields = [_form_of(table.c[name]).fields(values) for name, values in columns.items()]
    names = ", ".join(f'"{name}"' for name in columns)
    count = struct.pack("!h", len(fields))
    await copy_in(
        connection,
        f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)',
        [count + b"".join(row) for row in zip(*fields, strict=True)],
    )


async def copy_in(connection: AsyncConnection, statement: str, rows: Sequence[bytes]) -> None:
    """Let a COPY of binary rows run within the transaction of a connection."""
    if not rows:
        return
    raw = (await connection.get_raw_connection()).driver_connection
    if raw is None:
        raise RuntimeError("the connection is closed")
    async with raw.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(_HEAD + b"".join(rows) + _END)
