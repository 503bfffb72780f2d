"""Whatever comes, in whatever order and however often, the books keep what they promise."""

import asyncio
from datetime import date
from uuid import UUID, uuid4

import pytest
from changhu_common.events import Envelope, Event
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.ledgers import (
    COUNTY,
    OTHER_COUNTY,
    POOL,
    assert_kept,
    balances,
    contribution,
    handling_fee,
    payment,
    proof,
    reversal,
    rows,
)
from tests.support.running import Deploy, Running


async def numbers(ledger: Running) -> list[tuple[int, int]]:
    return [tuple(row) for row in await rows(ledger, "SELECT year, number FROM journal ORDER BY sequence")]


async def test_vouchers_are_numbered_by_year_in_the_order_of_booking(ledger: Running) -> None:
    await ledger.hear(contribution(), contribution(received_on=date(2027, 1, 4)), contribution())
    await ledger.hear(contribution(received_on=date(2027, 1, 5)))
    assert await numbers(ledger) == [(2026, 1), (2027, 1), (2026, 2), (2027, 2)]


async def test_the_same_receipt_under_another_event_is_booked_once(ledger: Running) -> None:
    fact = contribution()
    await ledger.hear(fact, fact)
    await ledger.hear(fact)
    assert await balances(ledger, on="2026-12-31") == {"1003": 1086, "4001": -1086}
    assert not await rows(ledger, "SELECT FROM parked")


async def test_a_payment_keeps_the_hash_that_it_had_before_payments_were_told_by_kind(ledger: Running) -> None:
    old = payment(payment_id=UUID(int=1), organization_id=UUID(int=2))
    await ledger.hear(old, old.model_copy(update={"payment_id": new_id(), "kind": "assessment"}))
    care, fee = await rows(ledger, "SELECT facts_hash FROM journal ORDER BY sequence")
    assert care.facts_hash.hex() == "76b96aee5fcaacf01df4e5588e8f75f2e56d7681639e6ef848cddd0739e1af22"
    assert fee.facts_hash != care.facts_hash


async def test_the_same_receipt_with_another_amount_is_parked_and_the_others_are_booked(ledger: Running) -> None:
    fact = contribution(county=OTHER_COUNTY)
    await ledger.hear(fact)
    await ledger.hear(contribution(5), fact.model_copy(update={"amount_fen": 9}), payment())
    (parked,) = await rows(ledger, "SELECT error FROM parked")
    assert parked.error.startswith("KeyReused")
    assert await numbers(ledger) == [(2026, 1), (2026, 2), (2026, 3)]
    assert await balances(ledger, on="2026-07-31") == {"1003": 1091, "4001": -1091}


async def test_a_batch_that_fails_leaves_no_gap_in_the_numbers(ledger: Running) -> None:
    bad = contribution().model_copy(update={"amount_fen": 2**70})
    await ledger.hear(contribution(county=OTHER_COUNTY), bad, payment())
    await ledger.hear(contribution(county=OTHER_COUNTY))
    assert len(await rows(ledger, "SELECT FROM parked")) == 1
    await assert_kept(ledger)
    assert await numbers(ledger) == [(2026, 1), (2026, 2), (2026, 3)]


async def test_batches_at_once_never_break_the_sequence(ledger: Running) -> None:
    pools = {"211100": COUNTY, "330300": "330302"}
    batches: list[list[Event]] = [
        [contribution(n + 1, pool=pool, county=county) for n in range(5) for pool, county in pools.items()]
        for _ in range(8)
    ]
    await asyncio.gather(*(ledger.hear(*batch) for batch in batches))
    await assert_kept(ledger)
    assert [row.count for row in await rows(ledger, "SELECT count(*) FROM journal GROUP BY pool")] == [40, 40]


async def test_a_session_that_began_on_empty_books_finds_each_journal_by_its_place(ledger: Running) -> None:
    batches, at_once = 10, 40
    for _ in range(batches):
        await ledger.hear(*[contribution() for _ in range(at_once)])
    async with ledger.database.engine.begin() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    (read,) = await rows(ledger, "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'journal'")
    # A plan that looks a journal up by its pool alone would read all of the pool for each line.
    assert read.sum < 10 * batches * at_once


EVENTS = st.one_of(
    st.builds(
        contribution,
        st.integers(1, 10**12),
        county=st.sampled_from([COUNTY, OTHER_COUNTY]),
        category=st.sampled_from(["employee", "retiree", "resident"]),
        payer=st.sampled_from(["person", "treasury", "medical_fund_surplus"]),
        received_on=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
        receipt_id=st.uuids(version=4),
    ),
    st.builds(payment, st.integers(-(10**9), 10**9), county=st.sampled_from([COUNTY, OTHER_COUNTY])),
    st.builds(reversal, st.integers(1, 10**9)),
    st.builds(
        handling_fee,
        st.integers(-(10**9), 10**9),
        county=st.sampled_from([COUNTY, POOL]),
        scheme=st.sampled_from(["employees", "residents", None]),
    ),
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(st.lists(EVENTS, min_size=1, max_size=12), min_size=1, max_size=4), again=st.randoms())
async def test_every_history_keeps_the_books(deploy: Deploy, batches: list[list[Event]], again: object) -> None:
    ledger = await deploy(SERVICE)
    told = []
    for batch in batches:
        envelopes = [Envelope(id=new_id(), source="test", time=ledger.clock.now(), event=event) for event in batch]
        told += envelopes
        await ledger.hear(*envelopes)
        again.shuffle(told)  # type: ignore[attr-defined]
        await ledger.hear(*told[:5])
        await assert_kept(ledger)
    moved = sum(getattr(event, "amount_fen", 0) for batch in batches for event in batch)
    moved -= sum(getattr(e, "fund_fen", 0) * (-1 if e.TYPE == "payment.reversed" else 1) for b in batches for e in b)
    assert (await balances(ledger, on="2028-01-01")).get("1003", 0) == moved


async def test_the_chain_holds_from_its_beginning_and_from_any_anchor(ledger: Running) -> None:
    await ledger.hear(contribution(1))
    anchor = (await ledger.get("/pools/211100/anchor", ledger.token(Role.AUDITOR))).json()
    await ledger.hear(contribution(2), contribution(3))
    whole = await proof(ledger)
    assert (whole["holds"], whole["complete"], whole["sequence"]) == (True, True, 3)
    assert (await proof(ledger, after=anchor["sequence"], known=anchor["hash"]))["holds"]
    assert not (await proof(ledger, after=anchor["sequence"], known="0" * 64))["holds"]


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM line WHERE sequence = 2",
        "DELETE FROM journal WHERE sequence = 2",
        "DELETE FROM journal WHERE sequence = 3",
        "DELETE FROM daily_total",
        "UPDATE book SET sequence = 2",
        "UPDATE book SET hash = sha256(hash)",
        "UPDATE book SET numbers = '{}'",
    ],
)
async def test_what_the_owner_of_the_database_takes_away_is_found(
    ledger: Running, tampering: str, as_owner: object
) -> None:
    await ledger.hear(contribution(1), contribution(2), contribution(3))
    as_owner(ledger, tampering)  # type: ignore[operator]
    assert not (await proof(ledger))["holds"]


async def test_an_accountant_of_one_county_does_not_see_the_chain_of_the_pool(ledger: Running) -> None:
    await ledger.hear(contribution())
    for path in ("proof", "entries", "anchor"):
        answer = await ledger.get(f"/pools/211100/{path}", ledger.token(Role.ACCOUNTANT, region=COUNTY))
        assert answer.status_code == 404


async def test_a_journal_says_its_voucher_number(ledger: Running) -> None:
    envelope = Envelope(id=uuid4(), source="test", time=ledger.clock.now(), event=contribution())
    await ledger.hear(envelope)
    told = (await ledger.get(f"/journals/by-source/{envelope.id}", ledger.token(Role.AUDITOR))).json()
    assert (told["voucher"], told["accounting_on"], told["note"]) == ("2026-000001", "2026-07-20", None)
