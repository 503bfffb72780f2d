"""A ledger killed while it reserves has reserved nothing twice, and goes on where it was."""

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
STATEMENTS = 40  # in a batch, each of 10 fen
BUDGET_FEN = 4_000  # ten batches; all later ones wait

BUDGET = f"""
INSERT INTO budget (id, pool, year, reason, attachment, status, entered_by, entered_at)
VALUES (gen_random_uuid(), '211100', 2026, '年度预算', '批复', 'entered', 'zhang', now());
INSERT INTO budget_line SELECT id, '5001', '', '', {BUDGET_FEN} FROM budget;
UPDATE budget SET status = 'approved', version = 1, decided_by = 'li';
"""

# A process of its own that hears statements, and the payments of some; the next one hears all of it again.
RESERVING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from changhu_common.clock import FileClock
from changhu_common.database import Actor, Database
from changhu_common.events import Envelope
from changhu_common.ids import named_id, new_id
from fund_ledger.app import SERVICE
from fund_ledger.usecases.books import Books
from fund_ledger.usecases.reserving import follow
from tests.support.budgets import approved, paid

async def main(url, clock_file):
    clock = FileClock(Path(clock_file))
    clock.advance_to(datetime(2026, 7, 20, tzinfo=UTC))
    database = Database(url, spine=SERVICE.spine, source=SERVICE.name, clock=clock)
    books = Books(database)
    for batch in range(10_000):
        ids = [named_id("kill", batch, n) for n in range(40)]
        facts = [approved(10, statement_id=each, organization_id=named_id("of", each)) for each in ids]
        if batch < 5:  # half of the budget is spent, the other half stays reserved
            same = [dict.fromkeys(("payment_id", "organization_id"), each.organization_id) for each in facts]
            facts += [paid(each, **said) for each, said in zip(facts, same)]
        told = [Envelope(id=new_id(), source="test", time=clock.now(), event=fact) for fact in facts]
        async with database.change(Actor("test", "test")) as transaction:
            await follow(transaction, told, books)
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


def test_a_kill_in_the_middle_of_reserving_leaves_nothing_reserved_twice(
    postgres: EmbeddedPostgres, database: str, tmp_path: Path
) -> None:
    with postgres.connect(database) as connection:
        connection.execute(BUDGET.encode())
    url = postgres.url(database, SERVICE.database, driver="psycopg")
    chance = random.Random(7)
    for _ in range(KILLS):
        reserving = subprocess.Popen(
            [sys.executable, "-c", RESERVING, url, str(tmp_path / "clock")], stdout=subprocess.PIPE, text=True
        )
        assert reserving.stdout
        assert reserving.stdout.readline()  # the first batch is reserved (again)
        time.sleep(chance.uniform(0, 0.6))
        reserving.kill()
        reserving.wait(timeout=30)
    with postgres.connect(database) as connection:
        statements = one(connection, "SELECT count(*) FROM reservation")
        assert statements % STATEMENTS == 0
        spent_fen = one(connection, "SELECT sum(amount_fen) FROM line WHERE account = '5001'")
        held_fen = one(
            connection,
            "SELECT coalesce(sum(amount_fen - settled_fen), 0) FROM reservation_part JOIN reservation"
            " ON id = statement_id WHERE status = 'reserved'",
        )
        granted = one(connection, "SELECT count(*) FROM reservation WHERE status IN ('reserved', 'settled')")
        assert spent_fen + held_fen == 10 * granted == min(10 * statements, BUDGET_FEN)
        told = "SELECT count(*) FROM outbox WHERE headers->>'ce_type' = 'budget.{}.v1'"
        assert one(connection, told.format("reserved")) == granted
        assert one(connection, told.format("exceeded")) == statements - granted
