"""Months close in order once every check holds, and what is closed never changes again."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from changhu_common.events.ledger import JournalPosted, PeriodClosed, PeriodReopened
from changhu_common.periods import Month
from changhu_common.roles import Role
from fund_ledger.domain.clearing import CLAIM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.ledgers import (
    COUNTY,
    OTHER_COUNTY,
    POOL,
    assert_kept,
    balances,
    contribution,
    payment,
    rows,
)
from tests.support.running import Running

CLEARED = "330300"
RICH, POOR = "330381", "330382"


@pytest.fixture(autouse=True)
def later(ledger: Running) -> None:
    ledger.advance_to(datetime(2028, 3, 1, 1, 0, tzinfo=UTC))


async def close(ledger: Running, month: str, *, pool: str = POOL) -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, region=pool, subject="zhang")
    return await ledger.post(f"/pools/{pool}/periods/{month}/closing", who, {})


async def close_through(ledger: Running, first: str, last: str, *, pool: str = POOL) -> None:
    for month in Month.parse(first).until(Month.parse(last)):
        answer = await close(ledger, str(month), pool=pool)
        assert answer.status_code == 200, answer.text


async def ask_reopening(ledger: Running, month: str, *, by: str = "zhang", reason: str = "漏记") -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, subject=by)
    return await ledger.post(f"/pools/{POOL}/periods/{month}/reopening", who, {"reason": reason})


async def reopen(ledger: Running, month: str, *, by: str = "li") -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, subject=by)
    return await ledger.post(f"/pools/{POOL}/periods/{month}/reopening/approval", who, {})


def code(answer: httpx.Response) -> Any:
    return answer.json()["code"]


async def test_months_close_in_order_from_the_first_that_was_booked(ledger: Running) -> None:
    await ledger.hear(contribution())
    assert code(await close(ledger, "2026-08")) == "period.not_next"
    assert code(await close(ledger, "2026-06")) == "period.not_next"
    assert (await close(ledger, "2026-07")).json()["status"] == "closed"
    assert code(await close(ledger, "2026-07")) == "period.not_next"
    assert (await close(ledger, "2026-08")).status_code == 200
    (closed, _) = await ledger.told(PeriodClosed)
    assert (closed.month, closed.sequence) == ("2026-07", 1)


async def test_a_month_that_still_runs_does_not_close(ledger: Running) -> None:
    await ledger.hear(contribution(received_on=date(2028, 3, 1)))
    assert code(await close(ledger, "2028-03")) == "period.not_over"


async def test_what_belongs_to_a_closed_month_is_booked_in_the_open_one_and_says_so(ledger: Running) -> None:
    await ledger.hear(contribution(1))
    await close(ledger, "2026-07")
    before = await balances(ledger, on="2026-07-31")
    await ledger.hear(contribution(20))
    assert await balances(ledger, on="2026-07-31") == before
    assert (await balances(ledger, on="2026-08-31"))["1003"] == 21
    assert (await balances(ledger, on="2026-07-31", as_happened=True))["1003"] == 21
    told = (await ledger.told(JournalPosted))[-1]
    assert (told.happened_on, told.accounting_on) == (date(2026, 7, 20), date(2026, 8, 1))
    answer = await ledger.get(f"/journals/by-source/{told.source_event_id}", ledger.token(Role.AUDITOR))
    assert "所属期间已结账" in answer.json()["note"]
    await assert_kept(ledger)


async def test_nobody_books_into_a_closed_month_by_hand(ledger: Running) -> None:
    await ledger.hear(contribution())
    body = {
        "happened_on": "2026-07-31",
        "reason": "r",
        "attachment": "a",
        "template": {"name": "interest.received", "county": COUNTY, "amount_fen": 5},
    }
    zhang, li = (ledger.token(Role.ACCOUNTANT, subject=each) for each in ("zhang", "li"))
    early = (await ledger.post(f"/pools/{POOL}/drafts", zhang, body)).json()
    await ledger.post(f"/drafts/{early['draft_id']}/rejection", li, {"reason": "r"})
    await close(ledger, "2026-07")
    refused = await ledger.post(f"/pools/{POOL}/drafts", zhang, body)
    assert (refused.status_code, code(refused)) == (409, "period.closed")
    assert len(await rows(ledger, "SELECT FROM draft")) == 1


async def test_the_database_refuses_lines_in_a_closed_month(ledger: Running, as_owner: Any) -> None:
    await ledger.hear(contribution())
    as_owner(ledger, "UPDATE book SET open_from = '2027-01-01'")
    as_owner(ledger, "UPDATE book SET numbers = '{}'")
    # A ledger that ignored the book's head would be stopped here.
    async with ledger.database.engine.connect() as connection:
        await connection.execute(
            text(
                "INSERT INTO journal SELECT (jsonb_populate_record(journal, jsonb_build_object('id', gen_random_uuid(),"
                " 'sequence', 2, 'number', 2, 'written_at', now()))).* FROM journal"
            )
        )
        with pytest.raises(IntegrityError, match="the period is closed"):
            await connection.execute(
                text("INSERT INTO line SELECT (jsonb_populate_record(line, '{\"sequence\": 2}')).* FROM line")
            )


async def test_a_month_does_not_close_while_something_is_left_to_book(ledger: Running, as_owner: Any) -> None:
    await ledger.hear(contribution())
    ledger.bus.behind["settlement.payment"] = 3
    refused = await close(ledger, "2026-07")
    assert [check["name"] for check in refused.json()["checks"]] == ["events_waiting"]
    ledger.bus.behind.clear()
    await ledger.hear(contribution().model_copy(update={"amount_fen": 2**70}))
    assert [check["name"] for check in (await close(ledger, "2026-07")).json()["checks"]] == ["events_parked"]
    as_owner(ledger, "DELETE FROM parked")
    as_owner(ledger, "UPDATE daily_total SET debit_fen = debit_fen + 1")
    checks = await ledger.get(f"/pools/{POOL}/periods/2026-07/checks", ledger.token(Role.AUDITOR))
    assert [check["name"] for check in checks.json() if not check["holds"]] == ["trial_balance"]


async def test_a_month_does_not_close_over_a_manual_journal_that_nobody_decided(ledger: Running) -> None:
    await ledger.hear(contribution())
    template = {"name": "interest.received", "county": COUNTY, "amount_fen": 5}
    body = {"happened_on": "2026-07-31", "reason": "r", "attachment": "a", "template": template}
    draft = (await ledger.post(f"/pools/{POOL}/drafts", ledger.token(Role.ACCOUNTANT), body)).json()
    assert code(await close(ledger, "2026-07")) == "period.checks_failed"
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", ledger.token(Role.ACCOUNTANT, subject="li"), {})
    assert (await close(ledger, "2026-07")).status_code == 200


async def test_a_month_is_opened_again_by_two_people_with_a_reason(ledger: Running) -> None:
    await ledger.hear(contribution())
    await close_through(ledger, "2026-07", "2026-08")
    assert code(await ask_reopening(ledger, "2026-07")) == "period.not_next"
    assert code(await ask_reopening(ledger, "2026-08", reason="")) == "input.invalid"
    assert code(await reopen(ledger, "2026-08")) == "period.reopening_not_asked"
    await ask_reopening(ledger, "2026-08")
    assert code(await reopen(ledger, "2026-08", by="zhang")) == "journal.same_person"
    assert (await reopen(ledger, "2026-08")).json()["status"] == "open"
    assert [event.month for event in await ledger.told(PeriodReopened)] == ["2026-08"]
    await ledger.hear(contribution(3, received_on=date(2026, 8, 2)))
    assert (await balances(ledger, on="2026-08-31"))["1003"] == 1089
    assert (await close(ledger, "2026-08")).status_code == 200


async def test_a_request_to_open_a_month_again_is_refused_or_withdrawn_with_a_reason(ledger: Running) -> None:
    await ledger.hear(contribution())
    await close(ledger, "2026-07")
    path = f"/pools/{POOL}/periods/2026-07/reopening/rejection"
    who = ledger.token(Role.ACCOUNTANT, subject="zhang")
    assert code(await ledger.post(path, who, {"reason": "误报"})) == "period.reopening_not_asked"
    await ask_reopening(ledger, "2026-07")
    told = (await ledger.post(path, who, {"reason": "误报"})).json()
    assert (told["status"], told["reopening_asked_by"]) == ("closed", None)
    assert code(await reopen(ledger, "2026-07")) == "period.reopening_not_asked"


async def test_the_year_end_carries_income_and_expense_into_the_surplus_of_each_county(ledger: Running) -> None:
    await ledger.hear(contribution(900), payment(400), contribution(50, county=OTHER_COUNTY, category="resident"))
    await close_through(ledger, "2026-07", "2026-12")
    assert await balances(ledger, on="2026-12-31") == {"1003": 550, "3001": -550, "4001": 0, "5001": 0}
    surplus = await rows(ledger, "SELECT county, scheme, amount_fen FROM line WHERE account = '3001' ORDER BY county")
    assert [tuple(row) for row in surplus] == [(COUNTY, "employees", -500), (OTHER_COUNTY, "residents", -50)]
    await assert_kept(ledger)


async def test_a_year_that_is_opened_again_and_closed_again_carries_what_it_then_has(ledger: Running) -> None:
    await ledger.hear(contribution(900))
    await close_through(ledger, "2026-07", "2026-12")
    for extra in (7, 8):
        await ask_reopening(ledger, "2026-12")
        assert (await reopen(ledger, "2026-12")).status_code == 200
        assert (await balances(ledger, on="2026-12-31")).get("3001") == 0
        await ledger.hear(contribution(extra, received_on=date(2026, 12, 31)))
        await close_through(ledger, "2026-12", "2026-12")
    assert await balances(ledger, on="2026-12-31") == {"1003": 915, "3001": -915, "4001": 0}
    await assert_kept(ledger)


async def clearing(ledger: Running, year: int) -> dict[str, Any]:
    answer = await ledger.get(f"/pools/{CLEARED}/clearings/{year}", ledger.token(Role.AUDITOR, region=CLEARED))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def by_county(ledger: Running, on: str) -> dict[tuple[str, str], int]:
    who = ledger.token(Role.AUDITOR, region=CLEARED)
    answer = await ledger.get(f"/pools/{CLEARED}/trial-balance", who, on=on, by_county=True)
    return {(each["county"], each["account"]): each["balance_fen"] for each in answer.json()["accounts"]}


def in_pool(county: str, year: int, received: int, paid: int) -> list[Any]:
    at = {"pool": CLEARED, "county": county}
    return [
        contribution(received, received_on=date(year, 3, 1), **at),
        payment(paid, paid_on=date(year, 9, 1), **at),
    ]


async def test_a_deficit_is_covered_by_the_countys_surplus_first_and_then_by_its_treasury(ledger: Running) -> None:
    await ledger.hear(*in_pool(POOR, 2026, 100, 70), *in_pool(RICH, 2026, 500, 100))
    await close_through(ledger, "2026-03", "2026-12", pool=CLEARED)
    await ledger.hear(*in_pool(POOR, 2027, 100, 180), *in_pool(RICH, 2027, 500, 600))
    before = await clearing(ledger, 2027)
    await close_through(ledger, "2027-01", "2027-12", pool=CLEARED)
    told = await clearing(ledger, 2027)
    assert (before["booked"], told["booked"], told["clause"]) == (False, True, "二(九)")
    assert before["counties"] == told["counties"]
    counties = {each["county"]: each for each in told["counties"]}
    poor, rich = counties[POOR], counties[RICH]
    assert (poor["result_fen"], poor["surplus_before_fen"]) == (-80, 30)
    assert (poor["from_surplus_fen"], poor["claim_fen"], poor["surplus_after_fen"]) == (30, 50, 0)
    assert (rich["from_surplus_fen"], rich["claim_fen"], rich["surplus_after_fen"]) == (100, 0, 300)
    stands = await by_county(ledger, "2027-12-31")
    assert (stands[POOR, CLAIM], stands[POOR, "3001"], stands[CLEARED, CLAIM]) == (50, 0, -50)
    await assert_kept(ledger, pool=CLEARED)


async def test_a_surplus_that_was_booked_within_the_year_covers_the_deficit_of_that_year(ledger: Running) -> None:
    entering, approving = [ledger.token(Role.ACCOUNTANT, region=CLEARED, subject=who) for who in ("zhang", "li")]
    lines = [{"account": a, "county": POOR, "amount_fen": fen} for a, fen in (("1003", 1000), ("3001", -1000))]
    opening = {"title": "期初", "happened_on": "2026-03-01", "reason": "r", "attachment": "a", "lines": lines}
    draft = (await ledger.post(f"/pools/{CLEARED}/drafts", entering, opening)).json()
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", approving, {})
    await ledger.hear(*in_pool(POOR, 2026, 100, 180))
    await close_through(ledger, "2026-03", "2026-12", pool=CLEARED)
    (poor,) = [each for each in (await clearing(ledger, 2026))["counties"] if each["county"] == POOR]
    assert (poor["surplus_before_fen"], poor["from_surplus_fen"], poor["claim_fen"]) == (1000, 80, 0)
    assert poor["surplus_after_fen"] == -(await by_county(ledger, "2026-12-31"))[POOR, "3001"] == 920


async def test_what_a_treasury_paid_on_a_claim_that_was_taken_back_is_shown_as_overpaid(ledger: Running) -> None:
    await ledger.hear(*in_pool(POOR, 2026, 100, 180))
    await close_through(ledger, "2026-03", "2026-12", pool=CLEARED)
    await paid_by_treasury(ledger, 80)
    assert (await clearing(ledger, 2026))["overpaid_fen"] == {}
    await reopened(ledger, "2026-12")
    opened = await clearing(ledger, 2026)
    assert (opened["booked"], opened["unpaid_fen"], opened["overpaid_fen"]) == (False, {}, {POOR: 80})
    at = {"pool": CLEARED, "county": POOR}
    await ledger.hear(contribution(30, received_on=date(2026, 12, 20), **at))
    await close_through(ledger, "2026-12", "2026-12", pool=CLEARED)
    closed = await clearing(ledger, 2026)
    assert (closed["claim_fen"], closed["unpaid_fen"], closed["overpaid_fen"]) == (50, {}, {POOR: 30})
    await paid_by_treasury(ledger, 30, template="claim.returned", on="2027-02-01")
    assert (await clearing(ledger, 2026))["overpaid_fen"] == {}


@pytest.mark.parametrize("form", ["xlsx", "pdf"])
async def test_a_clearing_is_a_file_as_well(ledger: Running, form: str) -> None:
    await ledger.hear(*in_pool(POOR, 2026, 100, 180))
    who = ledger.token(Role.AUDITOR, region=CLEARED)
    answer = await ledger.get(f"/pools/{CLEARED}/clearings/2026", who, format=form)
    assert (answer.status_code, answer.content[:2]) == (200, b"PK" if form == "xlsx" else b"%P")


async def test_a_clearing_that_somebody_asks_to_open_again_is_not_final(ledger: Running) -> None:
    await ledger.hear(*in_pool(POOR, 2026, 100, 180))
    await close_through(ledger, "2026-03", "2026-12", pool=CLEARED)
    who = ledger.token(Role.ACCOUNTANT, region=CLEARED, subject="zhang")
    await ledger.post(f"/pools/{CLEARED}/periods/2026-12/reopening", who, {"reason": "漏记"})
    assert (await clearing(ledger, 2026))["booked"] is False


def of_claim(fen: int, template: str, on: str) -> dict[str, Any]:
    said = {"name": template, "county": POOR, "amount_fen": fen}
    return {"happened_on": on, "reason": "县级财政弥补", "attachment": "回单 1", "template": said}


async def paid_by_treasury(
    ledger: Running, fen: int, *, template: str = "claim.received", on: str = "2027-01-20"
) -> None:
    zhang, li = [ledger.token(Role.ACCOUNTANT, region=CLEARED, subject=who) for who in ("zhang", "li")]
    draft = await ledger.post(f"/pools/{CLEARED}/drafts", zhang, of_claim(fen, template, on))
    booked = await ledger.post(f"/drafts/{draft.json()['draft_id']}/approval", li, {})
    assert booked.status_code == 200, booked.text


async def reopened(ledger: Running, month: str) -> None:
    zhang, li = [ledger.token(Role.ACCOUNTANT, region=CLEARED, subject=who) for who in ("zhang", "li")]
    path = f"/pools/{CLEARED}/periods/{month}/reopening"
    await ledger.post(path, zhang, {"reason": "漏记"})
    answer = await ledger.post(f"{path}/approval", li, {})
    assert answer.status_code == 200, answer.text


async def test_a_pool_whose_rules_say_nothing_of_clearing_has_none(ledger: Running) -> None:
    answer = await ledger.get(f"/pools/{POOL}/clearings/2026", ledger.token(Role.AUDITOR))
    assert answer.status_code == 404


MONEY = st.integers(1, 10**9)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(years=st.lists(st.tuples(MONEY, MONEY, MONEY, MONEY), min_size=2, max_size=2))
async def test_clearing_never_changes_the_citys_total_and_counties_add_up_to_it(
    ledger: Running, years: list[tuple[int, int, int, int]], as_owner: Any
) -> None:
    as_owner(ledger, "TRUNCATE book, journal, line, daily_total, period")
    surplus = 0
    for year, (poor_in, poor_out, rich_in, rich_out) in enumerate(years, 2026):
        await ledger.hear(*in_pool(POOR, year, poor_in, poor_out), *in_pool(RICH, year, rich_in, rich_out))
        await close_through(ledger, f"{year}-{'03' if year == 2026 else '01'}", f"{year}-12", pool=CLEARED)
        surplus += poor_in + rich_in - poor_out - rich_out
        stands = await by_county(ledger, f"{year}-12-31")
        for account, expected in (("1003", surplus), ("3001", -surplus), (CLAIM, 0), ("4001", 0)):
            assert sum(fen for (_, of), fen in stands.items() if of == account) == expected
        cleared = (await clearing(ledger, year))["counties"]
        for each in cleared:
            assert each["surplus_after_fen"] == -stands.get((each["county"], "3001"), 0)
            assert each["from_surplus_fen"] + each["claim_fen"] == max(-each["result_fen"], 0)
    await assert_kept(ledger, pool=CLEARED)
