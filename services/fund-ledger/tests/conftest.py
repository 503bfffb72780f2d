"""The ledger under test, its consumer never behind unless a test says so; and whoever owns its database."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from changhu_standalone.postgres import EmbeddedPostgres
from fund_ledger.app import SERVICE, parts

from tests.support.running import Deploy, Running

AsOwner = Callable[[Running, str], None]


@pytest.fixture
def behind() -> dict[str, int]:
    """Events on their way to the ledger, by topic."""
    return {}


@pytest.fixture
async def ledger(deploy: Deploy, behind: dict[str, int]) -> Running:
    async def lag() -> dict[str, int]:
        return behind

    return await deploy(replace(SERVICE, build=lambda resources: parts(resources, lag)))


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
