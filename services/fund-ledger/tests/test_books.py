"""The books hold what happened, once, balanced, and by account and county."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from changhu_common.events import Envelope
from changhu_common.events.enrollment import StartupMoneyReceived
from changhu_common.events.ledger import JournalPosted
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.domain.journal import Journal, JournalUnbalanced, Line
from psycopg.errors import CheckViolation, InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from tests.support.ledgers import DAY, OTHER_COUNTY, POOL, balances, contribution, payment, reversal, rows
from tests.support.running import Running


async def test_money_that_came_in_and_went_out_stands_on_its_accounts(ledger: Running) -> None:
    startup = StartupMoneyReceived(
        receipt_id=new_id(),
        pool="211100",
        county="211100",
        payer="medical_fund_surplus",
        amount_fen=5_000_000_000,
        received_on=DAY,
    )
    await ledger.hear(startup, contribution(), contribution(500, payer="treasury"), payment())
    assert await balances(ledger, on="2026-12-31") == {
        "1003": 5_000_000_000 + 1086 + 500 - 160_000,
        "4001": -1086,
        "4101": -500,
        "4501": -5_000_000_000,
        "5001": 160_000,
    }


async def test_a_balance_on_a_day_knows_only_what_had_happened_by_then(ledger: Running) -> None:
    await ledger.hear(contribution(), payment())
    assert await balances(ledger, on="2026-07-31") == {"1003": 1086, "4001": -1086}


async def test_an_event_that_comes_again_is_booked_once(ledger: Running) -> None:
    envelope = Envelope(id=uuid4(), source="test", time=ledger.clock.now(), event=contribution())
    await ledger.hear(envelope, envelope)
    await ledger.hear(envelope)
    assert await balances(ledger, on="2026-12-31") == {"1003": 1086, "4001": -1086}
    assert len(await ledger.told(JournalPosted)) == 1


async def test_a_negative_payment_takes_back_on_the_same_accounts(ledger: Running) -> None:
    await ledger.hear(payment(160_000), payment(-30_000))
    assert await balances(ledger, on="2026-12-31") == {"1003": -130_000, "5001": 130_000}


async def test_assessment_fees_stand_on_an_account_of_their_own(ledger: Running) -> None:
    fee = payment(30_000, kind="assessment")
    await ledger.hear(payment(), fee, reversal(10_000, kind="assessment", payment_id=fee.payment_id))
    assert await balances(ledger, on="2026-12-31") == {"1003": -180_000, "5001": 160_000, "5401": 20_000}


async def test_counties_add_up_to_the_pool(ledger: Running) -> None:
    await ledger.hear(contribution(100), contribution(23, county="211122"))
    answer = await ledger.get(
        "/pools/211100/trial-balance", ledger.token(Role.AUDITOR), on="2026-12-31", by_county=True
    )
    by_county = {(each["account"], each["county"]): each["balance_fen"] for each in answer.json()["accounts"]}
    assert by_county == {
        ("1003", "211102"): 100,
        ("1003", "211122"): 23,
        ("4001", "211102"): -100,
        ("4001", "211122"): -23,
    }


async def test_an_accountant_of_one_county_sees_that_county_alone(ledger: Running) -> None:
    await ledger.hear(contribution(100), contribution(23, county="211122"))
    own = await ledger.get("/pools/211100/trial-balance", ledger.token(Role.ACCOUNTANT, region="211122"))
    assert {each["balance_fen"] for each in own.json()["accounts"]} <= {23, -23}
    other = await ledger.get("/pools/211100/trial-balance", ledger.token(Role.ACCOUNTANT, region="330300"))
    assert other.status_code == 404


async def test_a_journal_is_found_by_the_event_that_made_it(ledger: Running) -> None:
    envelope = Envelope(id=uuid4(), source="test", time=ledger.clock.now(), event=contribution())
    await ledger.hear(envelope)
    answer = await ledger.get(f"/journals/by-source/{envelope.id}", ledger.token(Role.AUDITOR))
    assert answer.status_code == 200
    assert [line["amount_fen"] for line in answer.json()["lines"]] == [1086, -1086]
    missing = await ledger.get(f"/journals/by-source/{uuid4()}", ledger.token(Role.AUDITOR))
    assert missing.status_code == 404
    assert missing.json()["code"] == "not_found"


def test_a_journal_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(JournalUnbalanced):
        Journal(
            id=uuid4(),
            pool="211100",
            title="x",
            source="test",
            source_event_id=uuid4(),
            happened_on=DAY,
            facts_hash=b"",
            lines=[Line(account="1003", county="211102", amount_fen=5)],
        )


INSERT_JOURNAL = (
    "INSERT INTO journal (id, pool, sequence, year, number, title, source, source_event_id, happened_on,"
    " accounting_on, booked_on, booked_at, carries, facts_hash, hash)"
    " VALUES (:id, '211100', 1, 2026, 1, 'x', 'x', :id, '2026-07-01', '2026-07-01', '2026-07-01', now(), false, '', '')"
)
INSERT_LINES = (
    "INSERT INTO line (pool, sequence, number, accounting_on, account, county, amount_fen)"
    " SELECT '211100', 1, :first + place, '2026-07-01', '1003', county, amount"
    " FROM unnest(CAST(:counties AS text[]), CAST(:amounts AS bigint[])) WITH ORDINALITY AS of (county, amount, place)"
)


def lines(*amounts: int, first: int = 0, counties: tuple[str, ...] = ()) -> dict[str, object]:
    return {"first": first, "amounts": list(amounts), "counties": list(counties or ["211102"] * len(amounts))}


@pytest.mark.parametrize(
    "unbalanced", [lines(5, -4), lines(5, -5, counties=("211102", "211122"))], ids=["in all", "in each county's book"]
)
async def test_the_database_refuses_lines_that_do_not_balance(ledger: Running, unbalanced: dict[str, object]) -> None:
    async with ledger.database.engine.connect() as connection:
        await connection.execute(text(INSERT_JOURNAL), {"id": uuid4()})
        with pytest.raises(IntegrityError) as refused:
            await connection.execute(text(INSERT_LINES), unbalanced)
        assert isinstance(refused.value.orig, CheckViolation)


async def test_nothing_can_be_added_to_a_journal_that_is_booked(ledger: Running) -> None:
    async with ledger.database.engine.begin() as connection:
        await connection.execute(text(INSERT_JOURNAL), {"id": uuid4()})
        await connection.execute(text(INSERT_LINES), lines(5, -5))
    async with ledger.database.engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(text(INSERT_LINES), lines(7, -7, first=2))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE line SET amount_fen = 1",
        "DELETE FROM journal",
        "TRUNCATE line",
        "ALTER TABLE line DISABLE TRIGGER ALL",
        "DROP TABLE line",
        "DELETE FROM audit",
        "UPDATE inbox SET received_at = now()",
        "UPDATE daily_total SET debit_fen = 0",
        "INSERT INTO daily_total VALUES ('211100', '2026-07-01', '2026-07-01', false, '1003', '211102', '', 1, 0)",
    ],
)
async def test_the_role_that_runs_the_ledger_cannot_touch_what_is_booked(ledger: Running, statement: str) -> None:
    async with ledger.database.engine.connect() as connection:
        with pytest.raises(ProgrammingError) as refused:
            await connection.execute(text(statement))
        assert isinstance(refused.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize("day", [date(1926, 7, 20), date(1999, 12, 31), date(2062, 7, 20)])
async def test_an_event_of_another_century_is_parked_and_not_booked(ledger: Running, day: date) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))
    await ledger.hear(contribution(5, received_on=day), contribution(7, county=OTHER_COUNTY))
    (parked,) = await rows(ledger, "SELECT error FROM parked")
    assert parked.error.startswith("DayOutsideBooks")
    assert (await balances(ledger))["1003"] == 7
    listed = await ledger.get(f"/pools/{POOL}/periods", ledger.token(Role.ACCOUNTANT))
    assert [each["month"] for each in listed.json()] == ["2026-07"]
