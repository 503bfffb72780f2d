"""The ledger under test, and whoever owns its database."""

from collections.abc import Callable

import pytest
from changhu_standalone.postgres import EmbeddedPostgres
from fund_ledger.app import SERVICE

from tests.support.running import Deploy, Running

AsOwner = Callable[[Running, str], None]


@pytest.fixture
async def ledger(deploy: Deploy) -> Running:
    return await deploy(SERVICE)


@pytest.fixture
def as_owner(postgres: EmbeddedPostgres) -> AsOwner:
    """What the running role cannot do: change what is booked, with every trigger silenced."""

    def tamper(ledger: Running, statement: str) -> None:
        database = ledger.database.engine.url.database
        assert database
        with postgres.connect(database) as connection:
            connection.execute("SET session_replication_role = replica")  # no trigger runs
            connection.execute(statement)  # type: ignore[arg-type]  # the test's own

    return tamper
