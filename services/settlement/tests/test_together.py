"""Batches about one person on several connections at once end as they do one after another."""

import asyncio
from typing import Any

import pytest
from changhu_common.database import Actor
from changhu_common.events import Envelope, Event
from changhu_common.ids import new_id
from settlement.usecases.facts import apply
from settlement.usecases.recounting import Recounting
from sqlalchemy import text

from services.settlement.tests.settlement_story import (
    Settlement,
    at,
    deployed,
    designated,
    graded,
    income,
    insured,
    prices,
    visit,
)
from tests.support.running import Deploy

BATCHES = 12


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    return await deployed(deploy)


async def applied(settlement: Settlement, events: list[Event]) -> None:
    """One batch in a transaction of its own, as a worker applies it."""
    async with settlement.running.database.change(Actor("test", "bus")) as transaction:
        await apply(transaction, [Envelope(id=new_id(), source="test", time=at(1), event=event) for event in events])


async def lines_of(settlement: Settlement) -> list[tuple[Any, ...]]:
    async with settlement.running.database.read() as connection:
        query = "SELECT id, status, cost_fen, fund_fen, person_fen, fingerprint FROM line ORDER BY id"
        return [tuple(row) for row in await connection.execute(text(query))]


async def test_concurrent_visits_of_one_person_never_exceed_the_limit(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home())
    batches: list[list[Event]] = [
        [settlement.visit(at(1 + number, hour=8 + n), {"LC12": 3}) for n in range(3)] for number in range(BATCHES)
    ]
    await asyncio.gather(*(applied(settlement, batch) for batch in batches))
    month = await settlement.month()
    assert (month["fund_fen"], month["limit"]["left_fen"]) == (252_000, 0)
    together = await lines_of(settlement)
    assert len(together) == 3 * BATCHES
    assert (await Recounting(settlement.running.database).rebuild()).lines_changed == 0
    assert await lines_of(settlement) == together


async def test_prices_values_and_visits_at_the_same_moment_do_not_miss_each_other(settlement: Settlement) -> None:
    """Nobody of the first visits is known when the price, the agreement and the limit come."""
    people = [new_id() for _ in range(6)]
    organisation = settlement.organisation
    batches: list[list[Event]] = [[visit(person, organisation, at(day)) for person in people] for day in (3, 4, 5)]
    batches += [[insured(person), graded(person)] for person in people]
    batches += [[income()], [designated(organisation)], [prices(organisation)]]
    await asyncio.gather(*(applied(settlement, batch) for batch in batches))
    assert [(await settlement.month(person=person))["fund_fen"] for person in people] == [24_000] * 6
