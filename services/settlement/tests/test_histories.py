"""Whatever order facts come in, lines and statements come to what the facts alone come to, to the fen."""

import os
from collections import Counter
from random import Random
from typing import Any
from uuid import UUID

import pytest
from changhu_common.events.care import Service
from changhu_common.ids import new_id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settlement.usecases.recounting import Recounting
from sqlalchemy import text

from services.settlement.tests.settlement_history import delivery, expected, history, sums
from services.settlement.tests.settlement_story import APPROVAL, REVIEW, Settlement, at, deployed
from tests.support.running import Deploy

# Enough for every run; CHANGHU_EXAMPLES=500 for a thorough one.
EXAMPLES = int(os.environ.get("CHANGHU_EXAMPLES", "8"))
seeds = st.integers(min_value=0, max_value=2**32)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    return await deployed(deploy)


async def cleared(settlement: Settlement) -> None:
    """Forget what the example before this one told: values are the pool's, so they would reach into the next one."""
    async with settlement.running.database.engine.begin() as connection:
        for table in ("supplied_value", "service", "line", "limit_period"):
            await connection.execute(text(f"DELETE FROM {table}"))
        await connection.execute(text("UPDATE assessment_fee SET void = true"))


async def lines_of(settlement: Settlement) -> dict[UUID, tuple[Any, ...]]:
    async with settlement.running.database.read() as connection:
        rows = await connection.execute(text("SELECT * FROM line WHERE status <> 'void'"))
        return {
            row.id: (row.cost_fen, row.fund_fen, row.person_fen, row.status == "paid", row.person_id, row.findings)
            for row in rows
        }


@given(seed=seeds)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_doubling_and_batching_gives_the_lines_of_the_facts(settlement: Settlement, seed: int) -> None:
    await cleared(settlement)
    random = Random(seed)
    events = history(random, [new_id(), new_id(), new_id()], [new_id(), new_id()])
    for batch in delivery(random, events):
        await settlement.hear(*batch)
    recounting = Recounting(settlement.running.database)
    while await recounting.work_off():
        pass
    found = await lines_of(settlement)
    assert {key: row[:5] for key, row in found.items()} == {
        key: (line.cost_fen, line.fund_fen, line.person_fen, line.paid, of.person_id)
        for key, (line, of) in expected(events).items()
    }
    assert (await recounting.rebuild()).lines_changed == 0
    assert await lines_of(settlement) == found


@given(seed=seeds)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_all_statements_together_hold_what_the_facts_come_to(settlement: Settlement, seed: int) -> None:
    await cleared(settlement)
    random = Random(seed)
    settlement.running.advance_to(at(1, month=12) + (at(1, month=12) - at(1, month=9)))
    organisations = [new_id(), new_id()]
    events = history(random, [new_id(), new_id(), new_id()], organisations)
    recounting = Recounting(settlement.running.database)
    for batch in delivery(random, events):
        await settlement.hear(*batch)
        while await recounting.work_off():
            pass
        if random.random() < 0.4:
            await settled(settlement, random, random.choice(organisations), f"2026-0{random.choice([6, 7, 8])}")
    for organisation in organisations:
        settlement.organisation = organisation
        answer = await settlement.close("2026-12")
        assert answer.status_code == 201 or answer.json()["code"] == "statement.empty", answer.text
    assert await held(settlement, organisations) == sums(expected(events))
    assert await wrong_books(settlement, organisations) == []


async def settled(settlement: Settlement, random: Random, organisation: UUID, month: str) -> None:
    """Close a month as far as chance takes it; it may also be refused or sent back."""
    settlement.organisation = organisation
    closed = await settlement.close(month)
    if closed.status_code != 201:
        expected_codes = {"statement.empty", "statement.undecided", "statement.exists", "not_found"}
        assert closed.json()["code"] in expected_codes, closed.text
        return
    statement_id = closed.json()["statement_id"]
    fate = random.choice(["entered", "rejected", "paid"])
    if fate == "rejected":
        await settlement.step(statement_id, "rejection", REVIEW, reason="重做")
    if fate == "paid":
        await settlement.step(statement_id, "review", REVIEW)
        await settlement.step(statement_id, "approval", APPROVAL)
        await settlement.budget(statement_id)
        paid = await settlement.pay(statement_id)
        # An earlier one that is still open keeps this one from approval.
        refused = {"statement.to_recover", "statement.wrong_status"}
        assert paid.status_code == 200 or paid.json()["code"] in refused, paid.text


async def held(settlement: Settlement, organisations: list[UUID]) -> dict[tuple[UUID, UUID, str], tuple[int, int, int]]:
    """What all statements hold, by organisation, person and month."""
    query = (
        "SELECT s.organization_id, coalesce(m.survivor_id, p.person_id), p.month, sum(p.cost_fen)::bigint,"
        " sum(p.fund_fen)::bigint, sum(p.person_fen)::bigint"
        " FROM statement s JOIN payment p ON p.statement_id = s.id LEFT JOIN merged_person m USING (person_id)"
        " WHERE s.status <> 'rejected' AND s.organization_id = ANY(:ids) GROUP BY 1, 2, 3"
    )
    async with settlement.running.database.read() as connection:
        rows = await connection.execute(text(query), {"ids": organisations})
        return {row[:3]: row[3:] for row in map(tuple, rows) if any(row[3:])}


async def wrong_books(settlement: Settlement, organisations: list[UUID]) -> list[Any]:
    """Lines whose fund money stands in the book of another person, month, category or kind than theirs."""
    query = (
        "SELECT l.id, coalesce(m.survivor_id, p.person_id), p.month, p.category, sum(sl.fund_fen) FROM statement s"
        " JOIN payment p ON p.statement_id = s.id JOIN statement_line sl ON sl.payment_id = p.id"
        " LEFT JOIN merged_person m ON m.person_id = p.person_id"
        " JOIN line l ON l.id = sl.line_id WHERE s.status <> 'rejected' AND s.organization_id = ANY(:ids)"
        " AND (l.person_id, l.month, l.category, CASE WHEN l.fee_id IS NULL THEN 'care' ELSE 'assessment' END)"
        " IS DISTINCT FROM (coalesce(m.survivor_id, p.person_id), p.month, p.category, p.kind)"
        " GROUP BY 1, 2, 3, 4 HAVING sum(sl.fund_fen) <> 0"
    )
    async with settlement.running.database.read() as connection:
        return list(await connection.execute(text(query), {"ids": organisations}))


def test_the_histories_reach_what_they_are_for() -> None:
    """Enough of them pay, refuse and use up a limit, so that the proofs above are not about nothing."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        events = history(Random(seed), [new_id(), new_id(), new_id()], [new_id()])
        told_of = {event.visit_id: event.person_id for event in events if isinstance(event, Service)}
        for line, of in expected(events).values():
            seen.update({"paid"} if line.paid else {"not paid"})
            if isinstance(of, Service):
                seen.update({"merged"} if of.person_id != told_of[of.visit_id] and line.fund_fen else ())
            else:
                seen.update({"fee"} if line.fund_fen else {"fee not paid"})
            seen.update(finding.code for finding in line.findings)
    assert {
        "paid",
        "fee",
        "fee not paid",
        "merged",
        "limit_reached",
        "limit_used_up",
        "work_injury_care_fee",
        "no_agreement",
        "not_insured",
    } <= set(seen)
