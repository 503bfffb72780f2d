"""What no event tells is booked from a template by two people, and a treasury's money closes the claim on it."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_policies.accounting import Template, chart
from fund_ledger.domain.clearing import CLAIM

from tests.support.ledgers import assert_kept, contribution, payment, rows
from tests.support.running import Running

POOL = "330300"
RICH, POOR = "330381", "330382"


@pytest.fixture(autouse=True)
def later(ledger: Running) -> None:
    ledger.advance_to(datetime(2028, 3, 1, 1, 0, tzinfo=UTC))


async def enter(ledger: Running, name: str, amount_fen: int, *, on: str, **said: Any) -> httpx.Response:
    template = {"name": name, "county": POOR, "amount_fen": amount_fen, **said}
    body = {"happened_on": on, "reason": "依据文件", "attachment": "回单 7", "template": template}
    who = ledger.token(Role.ACCOUNTANT, region=POOL, subject="zhang")
    return await ledger.post(f"/pools/{POOL}/drafts", who, body)


async def approve(ledger: Running, entered: httpx.Response) -> httpx.Response:
    assert entered.status_code == 201, entered.text
    who = ledger.token(Role.ACCOUNTANT, region=POOL, subject="li")
    return await ledger.post(f"/drafts/{entered.json()['draft_id']}/approval", who, {})


async def close_through(ledger: Running, first: str, last: str) -> None:
    for month in Month.parse(first).until(Month.parse(last)):
        who = ledger.token(Role.ACCOUNTANT, region=POOL, subject="zhang")
        answer = await ledger.post(f"/pools/{POOL}/periods/{month}/closing", who, {})
        assert answer.status_code == 200, answer.text


async def stands(ledger: Running) -> dict[tuple[str, str], int]:
    """What each account comes to in each county's book, in fen."""
    summed = "SELECT county, account, sum(amount_fen)::bigint AS fen FROM line GROUP BY 1, 2"
    return {(row.county, row.account): row.fen for row in await rows(ledger, summed) if row.fen}


@pytest.fixture
async def claimed(ledger: Running) -> None:
    """A year in which one county spent 80 fen more than it had, so that its treasury owes them."""
    await ledger.hear(
        contribution(100, pool=POOL, county=POOR, received_on=date(2026, 3, 1)),
        payment(180, pool=POOL, county=POOR, paid_on=date(2026, 9, 1)),
        contribution(500, pool=POOL, county=RICH, received_on=date(2026, 3, 1)),
    )
    await close_through(ledger, "2026-03", "2026-12")


@pytest.mark.parametrize("template", [each for each in chart().templates.values() if CLAIM not in str(each.lines)])
async def test_a_template_books_what_it_says(ledger: Running, template: Template) -> None:
    booked = await approve(ledger, await enter(ledger, template.name, 700, on="2027-05-04", scheme="employees"))
    assert booked.json()["title"] == template.title
    assert await stands(ledger) == {(POOR, line.account.otherwise): line.signed(700) for line in template.lines}
    assert {line["scheme"] for line in booked.json()["lines"]} == {"employees"}
    await assert_kept(ledger, pool=POOL)


async def test_whoever_books_sees_every_template_with_its_clause(ledger: Running) -> None:
    told = (await ledger.get("/templates", ledger.token(Role.ACCOUNTANT, region=POOL))).json()
    assert {each["name"] for each in told} == set(chart().templates)
    (interest,) = [each for each in told if each["name"] == "interest.received"]
    assert (interest["clause"], interest["lines"][0]["name"]) == ("利息收入", "财政专户存款")


@pytest.mark.usefixtures("claimed")
async def test_a_treasurys_money_closes_the_claim_that_the_clearing_left(ledger: Running) -> None:
    before = await stands(ledger)
    assert (before[POOR, CLAIM], before[POOL, CLAIM]) == (80, -80)
    await approve(ledger, await enter(ledger, "claim.received", 30, on="2027-05-04"))
    who = ledger.token(Role.AUDITOR, region=POOL)
    assert (await ledger.get(f"/pools/{POOL}/clearings/2026", who)).json()["unpaid_fen"] == {POOR: 50}
    await approve(ledger, await enter(ledger, "claim.received", 50, on="2027-05-05"))
    after = await stands(ledger)
    assert (POOR, CLAIM) not in after
    assert (POOL, CLAIM) not in after
    assert after[POOL, "4101"] == -80
    assert (POOR, "1003") not in after
    await assert_kept(ledger, pool=POOL)


@pytest.mark.usefixtures("claimed")
async def test_the_year_in_which_the_treasury_paid_counts_its_money_once(ledger: Running) -> None:
    await approve(ledger, await enter(ledger, "claim.received", 80, on="2027-05-04"))
    await close_through(ledger, "2027-01", "2027-12")
    who = ledger.token(Role.AUDITOR, region=POOL)
    cleared = (await ledger.get(f"/pools/{POOL}/clearings/2027", who)).json()["counties"]
    assert {each["county"]: each["result_fen"] for each in cleared if each["result_fen"]} == {}
    assert await stands(ledger) == {(RICH, "1003"): 500, (RICH, "3001"): -500}


@pytest.mark.usefixtures("claimed")
@pytest.mark.parametrize(
    ("amount_fen", "said"), [(81, {}), (1, {"county": RICH}), (1, {"scheme": "employees"})], ids=str
)
async def test_a_treasury_pays_no_more_than_is_claimed_of_it(
    ledger: Running, amount_fen: int, said: dict[str, Any]
) -> None:
    before = await stands(ledger)
    refused = await enter(ledger, "claim.received", amount_fen, on="2027-05-04", **said)
    assert (refused.status_code, refused.json()["code"]) == (409, "clearing.claim_overpaid")
    assert await stands(ledger) == before
    assert not await rows(ledger, "SELECT FROM draft")


@pytest.mark.usefixtures("claimed")
async def test_of_two_payments_of_one_claim_the_second_is_refused(ledger: Running) -> None:
    first, second = [await enter(ledger, "claim.received", 80, on="2027-05-04") for _ in range(2)]
    assert (await approve(ledger, first)).status_code == 200
    assert (await approve(ledger, second)).json()["code"] == "clearing.claim_overpaid"


async def by_hand(ledger: Running, account: str, fen: int) -> httpx.Response:
    """Money of one county's book against an account, without a template."""
    lines = [{"account": a, "county": POOR, "amount_fen": each} for a, each in ((account, fen), ("1003", -fen))]
    body = {"title": "暂付", "happened_on": "2027-05-04", "reason": "r", "attachment": "a", "lines": lines}
    return await ledger.post(f"/pools/{POOL}/drafts", ledger.token(Role.ACCOUNTANT, region=POOL, subject="zhang"), body)


@pytest.mark.usefixtures("claimed")
async def test_an_advance_is_no_claim_on_a_treasury(ledger: Running) -> None:
    await approve(ledger, await enter(ledger, "claim.received", 80, on="2027-05-04"))
    assert (await approve(ledger, await by_hand(ledger, "1101", 500))).status_code == 200
    who = ledger.token(Role.AUDITOR, region=POOL)
    assert (await ledger.get(f"/pools/{POOL}/clearings/2026", who)).json()["unpaid_fen"] == {}
    refused = await enter(ledger, "claim.received", 500, on="2027-05-05")
    assert (refused.status_code, refused.json()["code"]) == (409, "clearing.claim_overpaid")
    assert (await approve(ledger, await by_hand(ledger, "1101", -500))).status_code == 200


@pytest.mark.parametrize("fen", [500, -500])
async def test_a_claim_is_never_booked_in_a_countys_book_alone(ledger: Running, fen: int) -> None:
    refused = await by_hand(ledger, CLAIM, fen)
    assert (refused.status_code, refused.json()["code"]) == (422, "clearing.claim_one_sided")
    assert not await rows(ledger, "SELECT FROM draft")
