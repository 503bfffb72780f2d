"""Many rows go in with one statement: arrays in, `unnest` into rows."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from changhu_common.binary import array_of

# Beyond this a statement's arrays only cost memory; the callers with more rows use COPY.
ROWS_PER_STATEMENT = 5_000


_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


async def insert_rows(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    then: str = "",
) -> list[CursorResult[Any]]:
    """Insert rows (all with the same columns) in as few statements as the size allows.

    `then` is what follows the rows: an ON CONFLICT clause, RETURNING. Returns a result a statement.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _statement(table, columns, then)
    results = []
    for first in range(0, len(rows), ROWS_PER_STATEMENT):
        part = rows[first : first + ROWS_PER_STATEMENT]
        results.append(
            await connection.execute(
                statement,
                {f"c{n}": array_of(table.c[name], [row[name] for row in part]) for n, name in enumerate(columns)},
            )
        )
    return results


async def update_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set the other columns of rows (all with the same columns) by their `id`, in as few statements."""
    if not rows:
        return
    columns = tuple(rows[0])
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"CAST(:c{n} AS {array_type(table.c[name])})" for n, name in enumerate(columns))
    changed = ", ".join(f'"{name}" = given."{name}"' for name in columns if name != "id")
    given = f"FROM unnest({arrays}) AS given ({names})"
    statement = text(f'UPDATE "{table.name}" SET {changed} {given} WHERE "{table.name}".id = given.id')  # noqa: S608 (names are ours)
    for first in range(0, len(rows), ROWS_PER_STATEMENT):
        part = rows[first : first + ROWS_PER_STATEMENT]
        await connection.execute(
            statement, {f"c{n}": array_of(table.c[name], [row[name] for row in part]) for n, name in enumerate(columns)}
        )


def array_type(column: Column[Any]) -> str:
    """The SQL type of an array of a column's values, as in `bigint[]`."""
    return f"{column.type.compile(_DIALECT)}[]"


@lru_cache(maxsize=256)
def _statement(table: Table, columns: tuple[str, ...], then: str) -> TextClause:
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"CAST(:c{n} AS {array_type(table.c[name])})" for n, name in enumerate(columns))
    target = f'"{table.schema}"."{table.name}"' if table.schema else f'"{table.name}"'
    return text(f"INSERT INTO {target} ({names}) SELECT * FROM unnest({arrays}) {then}")  # noqa: S608 (names are ours)
