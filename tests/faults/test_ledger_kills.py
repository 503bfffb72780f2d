"""A ledger killed at any moment leaves nothing half done, and goes on where it was.

Its process is killed while it works a whole year; and its connection to the database is cut before each
statement, each stream of rows and each commit of everything that it does.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from changhu_common import bulk_copy
from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_common.service import Service
from changhu_standalone.postgres import EmbeddedPostgres
from fund_ledger.app import SERVICE
from fund_ledger.storage.tables import METADATA
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from tests.support.ledger_years import LAST, POOL, POOR, RICH
from tests.support.ledgers import assert_kept, contribution, payment, rows
from tests.support.running import Deploy, Running

KILLS = 4
WORK_SECONDS = 1.5  # about what the year takes
MOMENTS_MAX = 200  # more statements than any of it needs

WRITTEN = """
SELECT sequence, year, journal.number, title, source, happened_on, journal.accounting_on, carries,
    array_agg((account, county, scheme, payer, amount_fen)::text ORDER BY line.number)
FROM journal JOIN line USING (pool, sequence) GROUP BY journal.id ORDER BY sequence
"""


@pytest.fixture
def year(
    postgres: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    service_template: Callable[[Service], str],
    tmp_path: Path,
) -> Callable[[], tuple[str, Callable[[], "subprocess.Popen[str]"]]]:
    """Books of their own, and how to start a process that works a year in them."""

    def made() -> tuple[str, Callable[[], subprocess.Popen[str]]]:
        database = fresh_database(SERVICE.database, template=service_template(SERVICE))
        url = postgres.url(database, SERVICE.database, driver="psycopg")
        command = (sys.executable, "-m", "tests.support.ledger_years", url, str(tmp_path / "clock"))
        return database, lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    return made


def said(working: "subprocess.Popen[str]") -> str:
    assert working.stdout
    return working.stdout.readline().strip()


def test_a_ledger_killed_while_it_works_a_year_writes_the_same_books(postgres: EmbeddedPostgres, year: Any) -> None:
    chance = random.Random(int(os.environ.get("CHANGHU_KILL_SEED", "0")) or time.time_ns())
    undisturbed, start = year()
    assert start().communicate(timeout=120)[0].endswith("done\n")
    struck, start = year()
    for _ in range(KILLS):
        working = start()
        assert said(working) == "ready"
        time.sleep(chance.uniform(0, WORK_SECONDS))
        working.kill()
        working.communicate(timeout=30)
    assert start().communicate(timeout=120)[0].endswith("done\n")
    books = []
    for database in (undisturbed, struck):
        with postgres.connect(database) as connection:
            books.append(connection.execute(WRITTEN).fetchall())
            told = connection.execute(
                "SELECT count(*) FROM outbox WHERE headers->>'ce_type' = 'journal.posted.v1'"
            ).fetchone()
            assert told == (len(books[-1]),)
    assert books[0] == books[1]


class Cut:
    """Ends a ledger's connection at one of its moments: before a statement, a stream of rows or a commit."""

    def __init__(self, postgres: EmbeddedPostgres, at: int) -> None:
        self._postgres = postgres
        self._left = at
        self.struck = False

    def moment(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._left -= 1
        if self._left == 0:
            self.struck = True
            with self._postgres.connect() as by:
                by.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


@contextmanager
def cut(ledger: Running, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, *, at: int) -> Iterator[Cut]:
    engine, strike, copy_in = ledger.database.engine.sync_engine, Cut(postgres, at), bulk_copy.copy_in

    def before(connection: Any, *_: Any) -> None:
        strike.moment(connection.connection.driver_connection)

    async def copied(connection: AsyncConnection, *streamed: Any) -> None:
        raw = await connection.get_raw_connection()
        strike.moment(raw.driver_connection)  # type: ignore[arg-type]  # psycopg's own
        await copy_in(connection, *streamed)

    # A failure is logged with every local value on its way, which takes longer than what failed.
    with monkeypatch.context() as patched, capture_logs():
        patched.setattr(bulk_copy, "copy_in", copied)
        for what in ("before_cursor_execute", "commit"):
            event.listen(engine, what, before)
        try:
            yield strike
        finally:
            for what in ("before_cursor_execute", "commit"):
                event.remove(engine, what, before)


@pytest.fixture
async def ledger(deploy: Deploy) -> Running:
    ledger = await deploy(SERVICE)
    ledger.advance_to(datetime(2027, 2, 1, 1, 0, tzinfo=UTC))
    await ledger.hear(
        contribution(100, pool=POOL, county=POOR, received_on=date(2026, 10, 5)),
        contribution(900, pool=POOL, county=RICH, received_on=date(2026, 10, 5)),
        payment(180, pool=POOL, county=POOR, paid_on=date(2026, 10, 9)),
    )
    return ledger


async def state(ledger: Running) -> list[tuple[Any, ...]]:
    """Everything that the ledger keeps, table by table."""
    every = " UNION ALL ".join(
        f"SELECT '{name}', count(*), md5(string_agg(kept::text, '|' ORDER BY kept::text)) FROM \"{name}\" AS kept"
        for name in METADATA.tables
    )
    return [tuple(row) for row in await rows(ledger, every)]


async def asked(ledger: Running, path: str, body: dict[str, Any], *, by: str = "zhang", key: str | None = None) -> Any:
    who = ledger.token(Role.ACCOUNTANT, region=POOL, subject=by)
    return await ledger.post(path, who, body, key=key)


async def close_through(ledger: Running, last: Month) -> None:
    for month in Month(2026, 10).until(last):
        assert (await asked(ledger, f"/pools/{POOL}/periods/{month}/closing", {})).status_code == 200


Act = Callable[[], Awaitable[bool]]


def asking(ledger: Running, path: str, *, by: str = "zhang") -> Act:
    """Ask, always under one key, whether it went through."""

    async def act() -> bool:
        return bool((await asked(ledger, path, {}, by=by, key="the same")).status_code == 200)

    return act


async def posting(ledger: Running) -> Act:
    facts = [contribution(n, pool=pool, county=pool) for n in range(1, 20) for pool in (POOL, "211100")]

    async def act() -> bool:
        try:
            await ledger.hear(*facts)
        except Exception:
            return False
        return True

    return act


async def manual_journal(ledger: Running) -> Act:
    template = {"name": "interest.received", "county": RICH, "amount_fen": 5}
    entered = {"happened_on": "2026-11-30", "reason": "r", "attachment": "a", "template": template}
    draft = (await asked(ledger, f"/pools/{POOL}/drafts", entered)).json()
    return asking(ledger, f"/drafts/{draft['draft_id']}/approval", by="li")


async def closing(ledger: Running) -> Act:
    return asking(ledger, f"/pools/{POOL}/periods/2026-10/closing")


async def year_end(ledger: Running) -> Act:
    """The year's last closing: income and expense carried over, the counties cleared."""
    await close_through(ledger, LAST.plus(-1))
    return asking(ledger, f"/pools/{POOL}/periods/{LAST}/closing")


async def reopening(ledger: Running) -> Act:
    await close_through(ledger, LAST)
    assert (await asked(ledger, f"/pools/{POOL}/periods/{LAST}/reopening", {"reason": "r"})).status_code == 200
    return asking(ledger, f"/pools/{POOL}/periods/{LAST}/reopening/approval", by="li")


@pytest.mark.parametrize("kind", [posting, manual_journal, closing, year_end, reopening])
async def test_a_connection_cut_at_any_moment_leaves_everything_as_it_was(
    ledger: Running,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[Running], Awaitable[Act]],
) -> None:
    act = await kind(ledger)
    before = await state(ledger)
    for at in range(1, MOMENTS_MAX):
        with cut(ledger, postgres, monkeypatch, at=at) as strike:
            through = await act()
        assert through is not strike.struck
        if through:
            break
        assert await state(ledger) == before
    assert at > 5
    assert await state(ledger) != before
    await assert_kept(ledger, pool=POOL)
