"""Journals a second from payment events on the bus into the books, beside pgbench's TPC-B with eight clients."""

import re
from datetime import date

from changhu_common.events import Envelope
from changhu_common.events.cloudevents import encode
from changhu_common.events.settlement import PaymentSettled
from changhu_common.ids import new_id
from fund_ledger.app import SERVICE

from tests.performance.figures import Figure, Rate
from tests.performance.ground import COUNTY, NOW, POOL, Ground, consume, publish, statements_of

SIZES = (4_000, 16_000)
QUICK = 500

CLIENTS = 8
BRANCHES = 10  # pgbench's scale; fewer than clients would measure the waiting for a branch
PGBENCH_SECONDS_MAX = 5


async def measure(ground: Ground, size: int) -> list[Figure]:
    messages = [encode(Envelope(id=new_id(), source="bench", time=NOW, event=_paid(n))) for n in range(size)]
    async with ground.running(SERVICE) as ledger:
        await publish(ledger.resources.bus, messages)
        ground.checkpoint()
        with statements_of(ledger) as asked:
            seconds = await consume(ledger, size)
    return [
        Figure(
            unit="journals",
            size=size,
            ours=Rate.of("postings from the bus", size, seconds),
            baselines=[_tpc_b(ground, seconds=min(PGBENCH_SECONDS_MAX, 1 + size // 1_000))],
            beside={"SQL statements per journal": asked.count / size, "share of SQL": asked.seconds / seconds},
        )
    ]


def _tpc_b(ground: Ground, *, seconds: int) -> Rate:
    """One transaction each, as the standard's banks do it: this is what a posting at a time would reach."""
    database = ground.fresh_database("pgbench")
    ground.pgbench("--initialize", "--quiet", f"--scale={BRANCHES}", database=database)
    ground.checkpoint()
    said = ground.pgbench(f"--client={CLIENTS}", "--jobs=2", f"--time={seconds}", database=database)
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    assert found, said
    return Rate(what=f"pgbench TPC-B, {CLIENTS} clients", per_second=float(found[1]))


def _paid(number: int) -> PaymentSettled:
    return PaymentSettled(
        payment_id=new_id(),
        statement_id=new_id(),
        person_id=new_id(),
        organization_id=new_id(),
        pool=POOL,
        county=COUNTY,
        category="employee",
        service_month="2026-07",
        fund_fen=160_000 + number,
        person_fen=40_000,
        cost_fen=200_000 + number,
        paid_on=date(NOW.year, NOW.month, NOW.day),
        bank_reference=f"B{number}",
        pack_version="bench",
    )
