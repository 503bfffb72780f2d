"""Manual journals a second over HTTP with concurrent clients, entered by one and approved by another.

Each is two audited requests with a key of its own; all of them are booked in one pool. Beside pgbench's
TPC-B with as many clients.
"""

import asyncio
import time

from changhu_common.roles import Role
from fund_ledger.app import SERVICE

from tests.performance.figures import Figure, Rate
from tests.performance.ground import COUNTY, POOL, Ground
from tests.performance.paths.postings import CLIENTS, tpc_b
from tests.support.running import Running

SIZES = (80, 320)
QUICK = 40

TEMPLATE = {"name": "interest.received", "county": COUNTY, "amount_fen": 500}
ENTERED = {"happened_on": "2026-07-31", "reason": "结息", "attachment": "回单 1", "template": TEMPLATE}


async def measure(ground: Ground, size: int) -> list[Figure]:
    async with ground.running(SERVICE) as ledger:
        drafts = await asyncio.gather(*(_entered(ledger, size // CLIENTS) for _ in range(CLIENTS)))
        ground.checkpoint()
        began = time.perf_counter()
        await asyncio.gather(*(_approved(ledger, each) for each in drafts))
        approving = time.perf_counter() - began
        began = time.perf_counter()
        await asyncio.gather(*(_both(ledger, size // CLIENTS) for _ in range(CLIENTS)))
        both = time.perf_counter() - began
    booked = size // CLIENTS * CLIENTS
    return [
        Figure(
            unit="journals",
            size=size,
            ours=Rate.of(f"manual journals, {CLIENTS} clients", booked, both),
            baselines=[tpc_b(ground, seconds=2)],
            beside={"approvals alone a second": booked / approving},
        )
    ]


async def _entered(ledger: Running, count: int) -> list[str]:
    who = ledger.token(Role.ACCOUNTANT, subject="zhang")
    answers = [await ledger.post(f"/pools/{POOL}/drafts", who, ENTERED) for _ in range(count)]
    return [answer.json()["draft_id"] for answer in answers]


async def _approved(ledger: Running, drafts: list[str]) -> None:
    who = ledger.token(Role.ACCOUNTANT, subject="li")
    for each in drafts:
        answer = await ledger.post(f"/drafts/{each}/approval", who, {})
        assert answer.status_code == 200, answer.text


async def _both(ledger: Running, count: int) -> None:
    for _ in range(count):
        await _approved(ledger, await _entered(ledger, 1))
