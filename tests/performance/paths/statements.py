"""Visits a second from the decided line to the paid statement: closed, reviewed, approved, paid, and told.

Beside it the same statement lines copied inside the database by one INSERT … SELECT.
"""

from typing import Any

from changhu_common.events.budget import BudgetReserved
from changhu_common.roles import Role
from settlement.app import SERVICE
from sqlalchemy import text

from tests.performance.care_month import CareMonth, care_month
from tests.performance.figures import Figure, Rate
from tests.performance.ground import NOW, Ground, consume, publish, statements_of, stopwatch
from tests.support.running import Running

SIZES = (1_200, 4_800)
QUICK = 240

STEPS: tuple[tuple[str, Role, dict[str, Any]], ...] = (
    ("review", Role.SETTLEMENT_REVIEW, {}),
    ("approval", Role.SETTLEMENT_APPROVAL, {}),
    ("payment", Role.CASHIER, {"bank_reference": "B1", "paid_on": NOW.date().isoformat()}),
)


async def measure(ground: Ground, size: int) -> list[Figure]:
    month = care_month(size)
    async with ground.running(SERVICE) as settlement:
        for messages in (month.facts, month.visits):
            await publish(settlement.resources.bus, messages)
            await consume(settlement, len(messages))
        ground.checkpoint()
        with statements_of(settlement) as asked, stopwatch() as ours:
            await _settle(settlement, month)
        copied = await _copied(settlement)
    return [
        Figure(
            unit="visits",
            size=size,
            ours=Rate.of("from lines to paid statements", size, ours.seconds),
            baselines=[Rate.of("INSERT … SELECT of their lines", size, copied)],
            beside={
                "statements": len(month.organisations),
                "SQL statements per visit": asked.count / size,
                "share of SQL": asked.seconds / ours.seconds,
            },
        )
    ]


async def _settle(settlement: Running, month: CareMonth) -> None:
    entry = settlement.token(Role.SETTLEMENT_ENTRY)
    for organisation in month.organisations:
        body = {"organization_id": str(organisation), "month": "2026-07"}
        closed = await settlement.post("/statements", entry, body)
        assert closed.status_code == 201, closed.text
        for step, role, said in STEPS:
            path = f"/statements/{closed.json()['statement_id']}/{step}"
            if step == "payment":
                await settlement.hear(_reserved(closed.json()))
                said = {**said, "transfer_fen": closed.json()["fund_fen"]}
            answer = await settlement.post(path, settlement.token(role), said)
            assert answer.status_code == 200, answer.text


def _reserved(statement: dict[str, Any]) -> BudgetReserved:
    """What the fund's budget answers; how it comes to that is measured with the ledger."""
    copied = {name: statement[name] for name in ("statement_id", "organization_id", "pool", "fund_fen")}
    return BudgetReserved(**copied, year=NOW.year, revision=1, basis="within_budget")


async def _copied(settlement: Running) -> float:
    async with settlement.database.engine.begin() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE plain (LIKE statement_line)"))
        with stopwatch() as watch:
            await connection.execute(text("INSERT INTO plain SELECT * FROM statement_line"))
    return watch.seconds
