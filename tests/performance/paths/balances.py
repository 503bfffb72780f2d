"""Trial balances and balances on a day over books of many entries, beside the sum of their lines; the chain followed.

The books are whole: numbered, chained and totalled as if every entry had been booked. `CHANGHU_BENCH_ENTRIES`
makes the larger books larger; ten million take some seven minutes to write.
"""

import os
import time
from collections.abc import Iterator
from datetime import date, timedelta

from changhu_common.database import Actor
from changhu_common.ids import new_id
from changhu_common.roles import Role
from changhu_policies import load_pack
from fund_ledger.app import SERVICE
from fund_ledger.domain.chain import Head, digest, placed
from fund_ledger.domain.journal import Journal, Line
from fund_ledger.storage import books, journals
from sqlalchemy import text

from tests.performance.figures import Figure, Rate
from tests.performance.ground import NOW, Ground
from tests.support.running import Running

SIZES = (100_000, int(os.environ.get("CHANGHU_BENCH_ENTRIES", "1_000_000")))
QUICK = 5_000

ASKED = 20
AT_ONCE = 5_000

# The shape of a big city's books: two years of days, its counties, two schemes.
POOL = "330300"
DAYS = 730
FIRST = date(2025, 1, 1)
INCOME_OR_EXPENSE = ("4001", "4101", "5001")
SCHEMES = ("employees", "residents")
FACTS = digest({})

SUM = """
SELECT account, sum(amount_fen) FROM line WHERE pool = :pool AND accounting_on <= :on GROUP BY account
"""


async def measure(ground: Ground, size: int) -> list[Figure]:
    async with ground.running(SERVICE) as ledger:
        filled = await _fill(ledger, size)
        ground.checkpoint()
        async with ledger.database.engine.connect() as connection:
            await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))
        summed = await _summed(ledger)
        trial = await _asked(ledger, on="2026-12-31")
        by_county = await _asked(ledger, on="2026-02-28", by_county=True)
        proved, followed = await _followed(ledger)
    sum_of_lines = Rate.of("the sum of the lines", 1, summed)
    return [
        Figure(
            unit="entries",
            size=size,
            ours=Rate.of("trial balances", ASKED, trial),
            baselines=[sum_of_lines],
            beside={"ms each": trial / ASKED * 1000, "entries written a second": size / filled},
        ),
        Figure(
            unit="entries",
            size=size,
            ours=Rate.of("balances by county on a day", ASKED, by_county),
            baselines=[sum_of_lines],
            beside={"ms each": by_county / ASKED * 1000},
        ),
        Figure(unit="entries", size=size, ours=Rate.of("entries of the chain followed", proved, followed)),
    ]


def _made(size: int) -> Iterator[list[Journal]]:
    counties = sorted(load_pack(POOL).counties)
    for first in range(1, size + 1, AT_ONCE):
        yield [
            Journal(
                id=new_id(),
                pool=POOL,
                title="收到保险费",
                source="bench",
                source_event_id=new_id(),
                happened_on=FIRST + timedelta(days=n % DAYS),
                lines=[
                    Line(account=account, county=counties[n % len(counties)], scheme=SCHEMES[n % 2], amount_fen=fen)
                    for account, fen in (("1003", n), (INCOME_OR_EXPENSE[n % 3], -n))
                ],
                facts_hash=FACTS,
            )
            for n in range(first, min(first + AT_ONCE, size + 1))
        ]


async def _fill(ledger: Running, size: int) -> float:
    """Write whole books without the events that would tell of them; the seconds that it took."""
    began, head = time.perf_counter(), Head(POOL)
    for made in _made(size):
        entries, head = placed(head=head, journals=made, booked_at=NOW)
        async with ledger.database.change(Actor("bench", "bench")) as transaction:
            await books.lock(transaction.connection, [POOL])
            await journals.add(transaction.connection, entries)
            await books.advance(transaction.connection, {POOL: head})
    return time.perf_counter() - began


async def _summed(ledger: Running) -> float:
    async with ledger.database.read() as connection:
        began = time.perf_counter()
        await connection.execute(text(SUM), {"pool": POOL, "on": date(2026, 12, 31)})
        return time.perf_counter() - began


async def _asked(ledger: Running, **asked: str | bool) -> float:
    who = ledger.token(Role.AUDITOR, region=POOL)
    began = time.perf_counter()
    for _ in range(ASKED):
        answer = await ledger.get(f"/pools/{POOL}/trial-balance", who, **asked)
        assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


async def _followed(ledger: Running) -> tuple[int, float]:
    """How many entries one request proves, and its seconds."""
    began = time.perf_counter()
    answer = await ledger.get(f"/pools/{POOL}/proof", ledger.token(Role.AUDITOR, region=POOL))
    assert answer.json()["holds"], answer.text
    return answer.json()["sequence"], time.perf_counter() - began
