"""Journals a second from payment events on the bus into the books, beside pgbench's TPC-B with eight clients.

Chain, balances and idempotency are on. All of one county's, so on the same totals (hot), beside those of
many counties, schemes and days (spread).
"""

import re
from collections.abc import Callable
from datetime import date

from changhu_common.events import Envelope
from changhu_common.events.cloudevents import encode
from changhu_common.events.settlement import PaymentSettled
from changhu_common.ids import named_id, new_id
from changhu_policies import load_pack
from fund_ledger.app import SERVICE

from tests.performance.figures import Figure, Rate
from tests.performance.ground import COUNTY, NOW, POOL, Ground, consume, publish, statements_of

SIZES = (4_000, 16_000)
QUICK = 500

CLIENTS = 8
BRANCHES = 10  # pgbench's scale; fewer than clients would measure the waiting for a branch
PGBENCH_SECONDS_MAX = 5
PAYMENTS_PER_STATEMENT = 100


async def measure(ground: Ground, size: int) -> list[Figure]:
    spread, _ = await _posted(ground, size, _spread)
    hot, beside = await _posted(ground, size, _hot)
    return [
        Figure(
            unit="journals",
            size=size,
            ours=Rate.of("postings from the bus", size, hot),
            baselines=[
                tpc_b(ground, seconds=min(PGBENCH_SECONDS_MAX, 1 + size // 1_000)),
                Rate.of("postings spread over accounts", size, spread),
            ],
            beside=beside,
        )
    ]


async def _posted(ground: Ground, size: int, paid: Callable[[int], PaymentSettled]) -> tuple[float, dict[str, float]]:
    """The seconds that so many payments take from the bus into the books."""
    messages = [encode(Envelope(id=new_id(), source="bench", time=NOW, event=paid(n))) for n in range(size)]
    async with ground.running(SERVICE) as ledger:
        await publish(ledger.resources.bus, messages)
        ground.checkpoint()
        with statements_of(ledger) as asked:
            seconds = await consume(ledger, size)
    return seconds, {"SQL statements per journal": asked.count / size, "share of SQL": asked.seconds / seconds}


def tpc_b(ground: Ground, *, seconds: int) -> Rate:
    """One transaction each, as the standard's banks do it: this is what a posting at a time would reach."""
    database = ground.fresh_database("pgbench")
    ground.pgbench("--initialize", "--quiet", f"--scale={BRANCHES}", database=database)
    ground.checkpoint()
    said = ground.pgbench(f"--client={CLIENTS}", "--jobs=2", f"--time={seconds}", database=database)
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    assert found, said
    return Rate(what=f"pgbench TPC-B, {CLIENTS} clients", per_second=float(found[1]))


def _hot(number: int) -> PaymentSettled:
    return _paid(number, COUNTY, "employee", NOW.day)


def _spread(number: int) -> PaymentSettled:
    counties = sorted(load_pack(POOL).counties)
    category = ("employee", "resident")[number % 2]
    return _paid(number, counties[number % len(counties)], category, 1 + number % NOW.day)


def _paid(number: int, county: str, category: str, day: int) -> PaymentSettled:
    statement = number // PAYMENTS_PER_STATEMENT
    return PaymentSettled(
        payment_id=new_id(),
        statement_id=named_id("bench.statement", statement),
        person_id=new_id(),
        organization_id=named_id("bench.organization", statement),
        pool=POOL,
        county=county,
        category=category,
        service_month="2026-07",
        fund_fen=160_000 + number,
        person_fen=40_000,
        cost_fen=200_000 + number,
        paid_on=date(NOW.year, NOW.month, day),
        bank_reference=f"B{number}",
        pack_version="bench",
    )
