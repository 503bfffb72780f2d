"""Trial balances a second over books of many entries, beside the sum of their lines; and the chain followed."""

import time

from changhu_common.events import Envelope
from changhu_common.events.cloudevents import encode
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.app import SERVICE
from sqlalchemy import text

from tests.performance.figures import Figure, Rate
from tests.performance.ground import NOW, POOL, Ground, consume, publish
from tests.support.ledgers import contribution
from tests.support.running import Running

SIZES = (100_000, 1_000_000)
QUICK = 5_000
CHAINED = {QUICK: 500}
CHAINED_ELSE = 20_000

ASKED = 20
AT_ONCE = 50_000

# Two years of days, thirteen counties, two schemes: the shape of a big city's books. Such entries have no
# chain; they are only there to be added up.
JOURNALS = """
INSERT INTO journal (id, pool, sequence, year, number, title, source, source_event_id, happened_on, accounting_on,
    booked_on, booked_at, carries, facts_hash, hash)
SELECT gen_random_uuid(), '999900', n, 2026, n, 'x', 'x', gen_random_uuid(), day, day, day, now(), false, '', ''
FROM (SELECT n, DATE '2025-01-01' + (n % 730) AS day
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n) AS numbered
"""
LINES = """
INSERT INTO line (pool, sequence, number, accounting_on, account, county, scheme, amount_fen)
SELECT '999900', n, side, DATE '2025-01-01' + (n % 730),
    CASE side WHEN 1 THEN '1003' ELSE CASE n % 3 WHEN 0 THEN '4001' WHEN 1 THEN '4101' ELSE '5001' END END,
    '9999' || lpad((n % 13)::text, 2, '0'), CASE n % 2 WHEN 0 THEN 'employees' ELSE 'residents' END,
    CASE side WHEN 1 THEN n ELSE -n END
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n, generate_series(1, 2) AS side
"""
SUM = """
SELECT account, sum(amount_fen) FROM line WHERE pool = '999900' AND accounting_on <= DATE '2026-12-31' GROUP BY account
"""


async def measure(ground: Ground, size: int) -> list[Figure]:
    async with ground.running(SERVICE) as ledger:
        filled = await _fill(ledger, size)
        summed = await _summed(ledger)
        asked = await _asked(ledger)
        chained = CHAINED.get(size, CHAINED_ELSE)
        followed = await _followed(ledger, chained)
    return [
        Figure(
            unit="entries",
            size=size,
            ours=Rate.of("trial balances on a day", ASKED, asked),
            baselines=[Rate.of("the sum of the lines", 1, summed)],
            beside={"ms each": asked / ASKED * 1000, "entries written a second": size / filled},
        ),
        Figure(unit="entries", size=chained, ours=Rate.of("entries of the chain followed", chained, followed)),
    ]


async def _fill(ledger: Running, size: int) -> float:
    began = time.perf_counter()
    for first in range(1, size + 1, AT_ONCE):
        async with ledger.database.engine.begin() as connection:
            part = {"first": first, "last": min(first + AT_ONCE - 1, size)}
            await connection.execute(text(JOURNALS), part)
            await connection.execute(text(LINES), part)
    return time.perf_counter() - began


async def _summed(ledger: Running) -> float:
    async with ledger.database.read() as connection:
        began = time.perf_counter()
        await connection.execute(text(SUM))
        return time.perf_counter() - began


async def _asked(ledger: Running) -> float:
    who = ledger.token(Role.AUDITOR, region="999900")
    began = time.perf_counter()
    for _ in range(ASKED):
        answer = await ledger.get("/pools/999900/trial-balance", who, on="2026-12-31")
        assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


async def _followed(ledger: Running, count: int) -> float:
    told = [Envelope(id=new_id(), source="bench", time=NOW, event=contribution(n + 1)) for n in range(count)]
    await publish(ledger.resources.bus, [encode(each) for each in told])
    await consume(ledger, count)
    began = time.perf_counter()
    answer = await ledger.get(f"/pools/{POOL}/proof", ledger.token(Role.AUDITOR))
    assert answer.json()["holds"], answer.text
    return time.perf_counter() - began
