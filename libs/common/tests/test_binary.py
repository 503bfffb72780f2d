"""What is written in binary is what comes back, by COPY as by arrays."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from changhu_common.bulk_copy import copy_columns
from changhu_common.rows import insert_rows
from changhu_standalone.postgres import EmbeddedPostgres
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

THING = Table(
    "thing",
    MetaData(),
    Column("place", Integer),
    Column("word", Text),
    Column("id", Uuid),
    Column("day", Date),
    Column("moment", DateTime(timezone=True)),
    Column("small", SmallInteger),
    Column("large", BigInteger),
    Column("yes", Boolean),
    Column("raw", LargeBinary),
    Column("said", JSONB),
)

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MOMENTS = st.integers(-(10**15), 10**16).map(lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=n))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "word": st.none() | WORDS,
            "id": st.none() | st.uuids(),
            "day": st.none() | st.dates(date(1900, 1, 1)),
            "moment": st.none() | MOMENTS,
            "small": st.none() | st.integers(-(2**15), 2**15 - 1),
            "large": st.none() | st.integers(-(2**63), 2**63 - 1),
            "yes": st.none() | st.booleans(),
            "raw": st.none() | st.binary(max_size=20),
            "said": st.dictionaries(WORDS, st.none() | st.integers(-(2**53), 2**53) | WORDS, max_size=3),
        }
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture
async def connection(postgres: EmbeddedPostgres, fresh_database: Callable[..., str]) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(postgres.url(fresh_database("binary"), driver="psycopg"))
    async with engine.connect() as connection:
        await connection.run_sync(THING.metadata.create_all)
        yield connection
    await engine.dispose()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
async def test_a_value_that_went_in_comes_back(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    placed = [{"place": n, **row} for n, row in enumerate(rows)]
    for way in ("arrays", "copy"):
        await connection.execute(text("TRUNCATE thing"))
        if way == "arrays":
            await insert_rows(connection, THING, placed)
        else:
            await copy_columns(connection, THING, {name: [row[name] for row in placed] for name in placed[0]})
        back = await connection.execute(select(THING).order_by(THING.c.place))
        assert [dict(row) for row in back.mappings()] == placed


async def test_days_and_moments_in_json_are_text(connection: AsyncConnection) -> None:
    said = {"day": date(2026, 7, 1), "moment": datetime(2026, 7, 1, tzinfo=UTC)}
    await insert_rows(connection, THING, [{"said": said}])
    assert await connection.scalar(select(THING.c.said)) == {
        "day": "2026-07-01",
        "moment": "2026-07-01 00:00:00+00:00",
    }


async def test_a_type_without_a_binary_form_is_not_copied(connection: AsyncConnection) -> None:
    table = Table("rated", MetaData(), Column("rate", Numeric))
    with pytest.raises(TypeError, match="no binary form of NUMERIC"):
        await copy_columns(connection, table, {"rate": [1]})
