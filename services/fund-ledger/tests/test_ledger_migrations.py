"""The tables in code are those that the migrations make, and books that existed before get their places."""

from collections.abc import Callable

from alembic import command
from changhu_common.clock import SystemClock
from changhu_common.database import Database
from changhu_common.migrating import migration_config
from changhu_common.service import Service
from changhu_standalone.postgres import EmbeddedPostgres
from fund_ledger.app import SERVICE
from fund_ledger.domain.chain import Head, first_break
from fund_ledger.storage import books, journals, proof

from tests.support.migrations import assert_migrated

BOOKED_BEFORE = """
INSERT INTO journal (id, pool, title, source, source_event_id, happened_on, booked_on)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN '211100' ELSE '330300' END, '收到保险费', 'contribution.received',
    gen_random_uuid(), DATE '2026-12-29' + n, DATE '2027-01-10' FROM generate_series(1, 12) AS n;
INSERT INTO line (journal_id, pool, happened_on, account, county, scheme, payer, amount_fen)
SELECT id, pool, happened_on, account, pool, 'employees', 'person', amount
FROM journal, unnest(ARRAY['1003', '4001'], ARRAY[7, -7]) AS of (account, amount);
"""


def test_the_migrations_make_the_tables(postgres: EmbeddedPostgres, service_template: Callable[[Service], str]) -> None:
    assert_migrated(SERVICE, postgres, service_template(SERVICE))


async def test_what_was_booked_before_gets_its_place_in_the_chain(
    postgres: EmbeddedPostgres, fresh_database: Callable[..., str], service_template: Callable[[Service], str]
) -> None:
    service_template(SERVICE)  # its roles
    database = fresh_database("ledger_before")
    with postgres.connect() as connection:
        connection.execute(f'ALTER DATABASE "{database}" OWNER TO "{SERVICE.database}_owner"'.encode())
    owner = postgres.url(database, f"{SERVICE.database}_owner", driver="psycopg")
    config = migration_config(versions=SERVICE.migrations, metadata=SERVICE.metadata, url=owner)
    command.upgrade(config, "0001")
    with postgres.connect(database) as connection:
        connection.execute(BOOKED_BEFORE.encode())
    command.upgrade(config, "head")
    running = Database(owner, spine=SERVICE.spine, source=SERVICE.name, clock=SystemClock())
    async with running.read() as reading:
        for pool in ("211100", "330300"):
            entries = await journals.entries(reading, pool=pool, after=0, count=100)
            broken, head = first_break(entries=entries, head=Head(pool))
            assert (broken, head.sequence) == (None, 6)
            assert head == await books.find(reading, pool)
            assert await proof.first_different_day(reading, pool) is None
    await running.close()
