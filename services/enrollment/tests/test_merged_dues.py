"""Merged, a person owes each month once, and what was paid under both records is his."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from changhu_common.roles import Role
from enrollment.storage import recounts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.enrollment.tests.merge_story import BANK, JULY, Two, twice_due
from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]


# Of each example's own two people.
NUMBERS = itertools.count(10, 2)


async def test_a_month_paid_twice_is_told_before_and_becomes_a_surplus_to_refund(
    enrollment: Running, enrol: Enrol
) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run, entered = await twice_due(two)
    preview = entered["preview"]
    assert (preview["credited_fen"], preview["surplus_fen"]) == (2172, 1086)
    await two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    (account,) = await two.get(f"/persons/{two.survivor}/account")
    outstanding = {cell["payer"]: cell["outstanding_fen"] for cell in account["cells"]}
    assert outstanding == {"employer_medical_contribution": 1086, "personal_account": -1086}
    refund = {
        "person_id": two.survivor,
        "category": "employee",
        "payer": "personal_account",
        "amount_fen": 1086,
        "reason": "重复缴费",
    }
    made = await two.made(f"/contribution-runs/{run}/refunds", refund)
    await two.made(f"/refunds/{made['refund_id']}/approval", {}, two.running.token(Role.ACCOUNTANT))
    again = await two.post(f"/contribution-runs/{run}/refunds", {**refund, "amount_fen": 1})
    assert again.json()["code"] == "refund.exceeds_credit"


async def test_counted_again_after_a_merge_nothing_is_new(enrollment: Running, enrol: Enrol) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run, entered = await twice_due(two)
    await two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other)
    found = await two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"})
    assert (found["persons"], found["differences"]) == (0, [])
    rerun = await two.made("/contribution-runs", JULY)
    assert (rerun["due_fen"], rerun["outstanding_fen"]) == (2 * 2172, 0)


async def test_a_merge_and_a_correction_at_once_credit_a_due_once(
    enrollment: Running, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Two(enrollment, await enrol(1), await enrol(2))
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    entered = (await two.enter()).json()
    counting, on = asyncio.Event(), asyncio.Event()
    page = recounts.page

    async def slow(*asked: Any, **more: Any) -> Any:
        counting.set()
        await on.wait()
        return await page(*asked, **more)

    monkeypatch.setattr(recounts, "page", slow)
    correcting = asyncio.create_task(two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"}))
    await counting.wait()
    merging = asyncio.create_task(two.made(f"/merges/{entered['merge_id']}/approval", {}, two.other))
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not merging.done():
        async with enrollment.database.read() as connection:
            if await connection.scalar(waits):
                break
    on.set()
    await asyncio.gather(correcting, merging)
    assert await two.owed(two.survivor) == 2172


async def test_a_due_of_the_merged_record_stands_for_the_survivor(two: Two) -> None:
    """Nothing is due twice for a month that only the merged record was charged for."""
    may = {"pool": "211100", "period": "2026-05"}
    run = (await two.made("/contribution-runs", may))["run_id"]
    await two.merge()
    rerun = await two.made("/contribution-runs", may)
    assert (rerun["run_id"], rerun["due_fen"]) == (run, 2172)
    found = await two.made(f"/contribution-runs/{run}/corrections", {"reason": "复核"})
    assert found["differences"] == []
    (account,) = await two.get(f"/persons/{two.survivor}/account")
    assert (account["person_id"], account["outstanding_fen"]) == (two.survivor, 2172)
    (owing,) = (await two.get(f"/contribution-runs/{run}/arrears"))["accounts"]
    assert owing["person_id"] == two.survivor
    assert [each["period"] for each in await two.get(f"/persons/{two.survivor}/dues")] == ["2026-05"]


async def test_what_is_out_for_withholding_under_one_record_is_not_asked_of_the_other(two: Two) -> None:
    may = {"pool": "211100", "period": "2026-05"}
    await two.made("/contribution-runs", may)
    asked = {"pool": "211100", "period": "2026-05", "side": "account"}
    first = await two.made("/withholding-batches", asked)
    await two.merge()
    again = await two.made("/withholding-batches", asked)
    assert (first["items"], again["items"]) == (1, 0)


fen = st.integers(min_value=0, max_value=1086)


@given(paid=st.tuples(fen, fen, fen, fen))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_merged_a_person_owes_one_due_less_all_that_was_paid_and_taken_back_each_owes_as_before(
    enrollment: Running, enrol: Enrol, paid: tuple[int, ...]
) -> None:
    first = next(NUMBERS)
    two = Two(enrollment, await enrol(first), await enrol(first + 1))
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    payers = ("personal_account", "employer_medical_contribution")
    places = [(each, payer) for each in (two.survivor, two.merged) for payer in payers]
    payments = [
        {"person_id": person, "payer": payer, "amount_fen": amount}
        for (person, payer), amount in zip(places, paid, strict=True)
        if amount
    ]
    if payments:
        await two.made(f"/contribution-runs/{run}/payments", {**BANK, "payments": payments})
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    before = [await two.owed(each) for each in (two.survivor, two.merged)]
    merge_id = await two.merge()
    assert await two.owed(two.survivor) == 2172 - sum(paid)
    await two.take_back(merge_id)
    assert [await two.owed(each) for each in (two.survivor, two.merged)] == before


async def test_a_merge_waits_for_a_run_under_way_so_the_month_is_due_once(enrollment: Running, enrol: Enrol) -> None:
    survivor = await enrol(1, coverage={"start": "2026-06-11"})
    two = Two(enrollment, survivor, await enrol(2, coverage={"start": "2026-01-01", "end": "2026-06-10"}))
    await two.made("/contribution-runs", {**JULY, "period": "2026-05"})
    async with enrollment.database.engine.connect() as held:
        # Whoever is to be counted in June is found then; that it is due waits for what is taken back right after.
        await held.execute(
            text(
                "INSERT INTO due (person_id, period, run_id, county, category, base_fen, due_fen, parts, rule_id)"
                " SELECT person_id, '2026-06', run_id, county, category, base_fen, due_fen, parts, rule_id FROM due"
            )
        )
        run = asyncio.create_task(two.made("/contribution-runs", {**JULY, "period": "2026-06"}))
        await _waits_for_a_lock(two.running)
        merge = asyncio.create_task(two.merge())
        done, _ = await asyncio.wait({merge}, timeout=1)
        await held.rollback()
    await asyncio.gather(run, merge)
    assert not done
    assert await two.owed(two.survivor) == 2172 + 2172


async def _waits_for_a_lock(running: Running) -> None:
    """Until somebody of the service's database waits for another."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(100):
        async with running.database.engine.connect() as connection:
            if await connection.scalar(waiting):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody waits")
