"""Whoever owns the database can do what the running role cannot: tests of the proof need him."""

from collections.abc import Callable

import pytest
from changhu_standalone.postgres import EmbeddedPostgres

from tests.support.running import Running

AsOwner = Callable[[Running, str], None]


@pytest.fixture
def as_owner(postgres: EmbeddedPostgres) -> AsOwner:
    def tamper(ledger: Running, statement: str) -> None:
        database = ledger.database.engine.url.database
        assert database
        with postgres.connect(database) as connection:
            connection.execute("SET session_replication_role = replica")  # no trigger runs
            connection.execute(statement)  # type: ignore[arg-type]  # the test's own

    return tamper
