"""A ledger killed while it books leaves nothing half booked, and goes on where it was."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from changhu_common.service import Service
from changhu_standalone.postgres import EmbeddedPostgres
from fund_ledger.app import SERVICE

KILLS = 4

# A process of its own that books batch after batch, and is told the same facts again by the next one.
BOOKING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from changhu_common.clock import FileClock
from changhu_common.database import Actor, Database
from changhu_common.events import Envelope
from changhu_common.ids import named_id, new_id
from fund_ledger.app import SERVICE
from fund_ledger.usecases.books import Books
from tests.support.ledgers import contribution

async def main(url, clock_file):
    clock = FileClock(Path(clock_file))
    clock.advance_to(datetime(2027, 1, 5, tzinfo=UTC))
    database = Database(url, spine=SERVICE.spine, source=SERVICE.name, clock=clock)
    books = Books(database)
    for batch in range(10_000):
        facts = [contribution(n + 1, receipt_id=named_id("kill", batch, n)) for n in range(60)]
        told = [Envelope(id=new_id(), source="test", time=clock.now(), event=fact) for fact in facts]
        async with database.change(Actor("test", "test")) as transaction:
            await books.book(transaction, told)
        print(batch, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def one(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()  # type: ignore[arg-type]  # the test's own
    assert row
    return int(row[0])


@pytest.fixture
def database(fresh_database: Callable[..., str], service_template: Callable[[Service], str]) -> str:
    return fresh_database(SERVICE.database, template=service_template(SERVICE))


def test_a_kill_in_the_middle_of_a_posting_leaves_nothing_half_done(
    postgres: EmbeddedPostgres, database: str, tmp_path: Path
) -> None:
    url = postgres.url(database, SERVICE.database, driver="psycopg")
    chance = random.Random(7)
    for _ in range(KILLS):
        booking = subprocess.Popen(
            [sys.executable, "-c", BOOKING, url, str(tmp_path / "clock")], stdout=subprocess.PIPE, text=True
        )
        assert booking.stdout
        assert booking.stdout.readline()  # the first batch is in the books (again)
        time.sleep(chance.uniform(0, 0.4))
        booking.kill()
        booking.wait(timeout=30)
    with postgres.connect(database) as connection:
        journals = one(connection, "SELECT count(*) FROM journal")
        assert journals % 60 == 0
        assert (
            journals
            == one(connection, "SELECT sequence FROM book")
            == one(connection, "SELECT max(number) FROM journal")
        )
        assert one(connection, "SELECT count(*) FROM line") == 2 * journals
        assert one(connection, "SELECT count(*) FROM outbox") == journals
        assert one(connection, "SELECT sum(amount_fen) FROM line") == 0
        assert one(connection, "SELECT sum(debit_fen) FROM daily_total") == one(
            connection, "SELECT sum(amount_fen) FILTER (WHERE amount_fen > 0) FROM line"
        )
