"""What a person books is entered by one, approved by another, and refused before anything of it is written."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from changhu_common.periods import Month
from changhu_common.roles import Role
from fund_ledger.usecases.recurring import Recurring

from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, assert_kept, balances, contribution, rows
from tests.support.running import Running


@pytest.fixture(autouse=True)
def in_august(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))


def line(account: str, amount_fen: int, county: str = COUNTY, **said: Any) -> dict[str, Any]:
    return {"account": account, "county": county, "amount_fen": amount_fen, **said}


def journal(*lines: dict[str, Any], **said: Any) -> dict[str, Any]:
    lines = lines or (line("1003", 500), line("4201", -500))
    return {
        "title": "收到利息",
        "happened_on": "2026-07-31",
        "reason": "银行结息",
        "attachment": "回单 12",
        "lines": list(lines),
        **said,
    }


async def enter(ledger: Running, body: dict[str, Any], *, by: str = "zhang", **where: Any) -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, subject=by, **where)
    return await ledger.post(f"/pools/{POOL}/drafts", who, body)


async def approve(ledger: Running, draft: dict[str, Any], *, by: str = "li") -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, subject=by)
    return await ledger.post(f"/drafts/{draft['draft_id']}/approval", who, {})


async def test_what_one_entered_and_another_approved_is_booked(ledger: Running) -> None:
    draft = (await enter(ledger, journal())).json()
    assert not await rows(ledger, "SELECT FROM journal")
    booked = await approve(ledger, draft)
    assert (booked.status_code, booked.json()["voucher"]) == (200, "2026-000001")
    assert await balances(ledger, on="2026-07-31") == {"1003": 500, "4201": -500}
    await assert_kept(ledger)


async def test_a_title_that_cannot_be_stored_is_refused(ledger: Running) -> None:
    refused = await enter(ledger, journal(title="a\0b"))
    assert (refused.status_code, refused.json()["code"]) == (422, "input.invalid")


async def test_nobody_approves_what_he_entered(ledger: Running) -> None:
    draft = (await enter(ledger, journal())).json()
    refused = await approve(ledger, draft, by="zhang")
    assert (refused.status_code, refused.json()["code"]) == (403, "journal.same_person")


async def test_what_was_decided_is_not_decided_again(ledger: Running) -> None:
    draft = (await enter(ledger, journal())).json()
    rejection = {"reason": "附件不符"}
    who = ledger.token(Role.ACCOUNTANT, subject="li")
    rejected = await ledger.post(f"/drafts/{draft['draft_id']}/rejection", who, rejection)
    assert (rejected.json()["status"], rejected.json()["rejection_reason"]) == ("rejected", "附件不符")
    assert (await approve(ledger, draft)).json()["code"] == "journal.decided"
    assert not await rows(ledger, "SELECT FROM journal")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (journal(line("1003", 500), line("4201", -499)), "journal.unbalanced"),
        (journal(line("1003", 500), line("4201", -500, OTHER_COUNTY)), "journal.unbalanced"),
        (journal(line("1003", 500, scheme="employees"), line("4201", -500)), "journal.unbalanced"),
        (journal(line("9999", 500), line("4201", -500)), "journal.account_unknown"),
        (journal(line("1003", 500, "999999"), line("4201", -500, "999999")), "journal.county_unknown"),
        (journal(line("1003", 0), line("4201", 0)), "journal.empty"),
        (journal(line("1003", 10**16), line("4201", -(10**16))), "input.invalid"),
        (journal(line("1003", 5.001), line("4201", -5.001)), "input.invalid"),  # type: ignore[arg-type]
        (journal(line("1003", "5.00"), line("4201", "-5.00")), "input.invalid"),  # type: ignore[arg-type]
        (journal(line("1003", True), line("4201", -1)), "input.invalid"),
        (journal(line("1003", 2**70), line("4201", -(2**70))), "input.invalid"),
        (journal(line("1003", 5, payer="lottery"), line("4201", -5)), "input.invalid"),
        (journal(lines=[]), "input.invalid"),
        (journal(happened_on="2026-08-21"), "input.invalid"),
        (journal(attachment=" "), "input.invalid"),
        (journal(reason=""), "input.invalid"),
        (journal(colour="red"), "input.invalid"),
        (journal(lines=[], template={"name": "guess", "county": COUNTY, "amount_fen": 1}), "input.invalid"),
    ],
)
async def test_a_bad_entry_is_refused_and_nothing_is_kept(ledger: Running, body: dict[str, Any], code: str) -> None:
    refused = await enter(ledger, body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert not await rows(ledger, "SELECT FROM draft")


async def test_a_template_books_its_lines_with_one_amount(ledger: Running) -> None:
    template = {"name": "bank_charge.paid", "county": COUNTY, "amount_fen": 700, "scheme": "employees"}
    draft = (await enter(ledger, journal(lines=[], title=None, template=template))).json()
    assert draft["title"] == "支付银行手续费"
    await approve(ledger, draft)
    assert await balances(ledger, on="2026-07-31") == {"1003": -700, "5401": 700}


async def test_an_accountant_of_one_county_neither_enters_nor_sees_another_countys(ledger: Running) -> None:
    other = journal(line("1003", 5, OTHER_COUNTY), line("4201", -5, OTHER_COUNTY))
    assert (await enter(ledger, other, region=COUNTY)).status_code == 404
    await enter(ledger, other)
    who = ledger.token(Role.ACCOUNTANT, region=COUNTY)
    assert (await ledger.get(f"/pools/{POOL}/drafts", who)).json() == []


async def reverse(ledger: Running, journal_id: str, *, by: str = "zhang") -> httpx.Response:
    body = {"happened_on": "2026-08-20", "reason": "记错", "attachment": "说明 1"}
    return await ledger.post(f"/journals/{journal_id}/reversal", ledger.token(Role.ACCOUNTANT, subject=by), body)


async def test_a_reversal_takes_back_every_line_and_names_what_it_reverses(ledger: Running) -> None:
    await ledger.hear(contribution(900))
    (booked,) = await rows(ledger, "SELECT id FROM journal")
    answer = await approve(ledger, (await reverse(ledger, booked.id)).json())
    assert answer.json()["reverses"] == str(booked.id)
    assert set((await balances(ledger, on="2026-12-31")).values()) == {0}
    await assert_kept(ledger)


async def test_a_journal_is_reversed_once(ledger: Running) -> None:
    await ledger.hear(contribution(900))
    (booked,) = await rows(ledger, "SELECT id FROM journal")
    first, second = [(await reverse(ledger, booked.id)).json() for _ in range(2)]
    reversal = (await approve(ledger, first)).json()
    for refused in (
        await approve(ledger, second),
        await reverse(ledger, booked.id),
        await reverse(ledger, reversal["journal_id"]),
    ):
        assert refused.json()["code"] == "journal.not_reversible"
    assert (await reverse(ledger, str(uuid4()))).status_code == 404


async def test_the_same_entry_sent_again_is_one_draft(ledger: Running) -> None:
    who = ledger.token(Role.ACCOUNTANT)
    twice = [await ledger.post(f"/pools/{POOL}/drafts", who, journal(), key="k") for _ in range(2)]
    assert twice[0].json() == twice[1].json()
    assert len(await rows(ledger, "SELECT FROM draft")) == 1


async def test_a_key_that_was_used_for_another_entry_is_refused(ledger: Running) -> None:
    who = ledger.token(Role.ACCOUNTANT)
    await ledger.post(f"/pools/{POOL}/drafts", who, journal(), key="k")
    refused = await ledger.post(f"/pools/{POOL}/drafts", who, journal(reason="别的"), key="k")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency.key_reused")
    assert len(await rows(ledger, "SELECT FROM draft")) == 1


async def test_an_approval_sent_again_books_once(ledger: Running) -> None:
    path = f"/drafts/{(await enter(ledger, journal())).json()['draft_id']}/approval"
    who = ledger.token(Role.ACCOUNTANT, subject="li")
    twice = [await ledger.post(path, who, {}, key="k") for _ in range(2)]
    assert twice[0].json() == twice[1].json()
    assert len(await rows(ledger, "SELECT FROM journal")) == 1


async def test_of_two_who_approve_at_once_one_books(ledger: Running) -> None:
    draft = (await enter(ledger, journal())).json()
    answers = await asyncio.gather(approve(ledger, draft), approve(ledger, draft, by="wang"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await rows(ledger, "SELECT FROM journal")) == 1


@pytest.mark.parametrize("year", ["0202", "1926"])
async def test_a_day_before_there_were_any_books_is_a_slip_of_the_keyboard(ledger: Running, year: str) -> None:
    refused = await enter(ledger, journal(happened_on=f"{year}-07-01"))
    assert (refused.status_code, refused.json()["code"]) == (422, "input.invalid")
    assert [each["field"] for each in refused.json()["errors"]] == ["happened_on"]
    assert not await rows(ledger, "SELECT FROM draft")
    body = journal() | {"day_of_month": 1, "first_month": f"{year}-07", "last_month": f"{year}-09"}
    del body["happened_on"]
    refused = await ledger.post(f"/pools/{POOL}/recurring", ledger.token(Role.ACCOUNTANT), body)
    assert [each["field"] for each in refused.json()["errors"]] == ["first_month"]


async def test_every_bad_line_is_told_at_once(ledger: Running) -> None:
    lines = (line("9999", 5), line("1003", -5, "999999"), line("1003", 5, payer="lottery"), line("4201", -(10**16)))
    refused = await enter(ledger, journal(*lines))
    said = [each["field"] for each in refused.json()["errors"]]
    assert said == ["lines.0.account", "lines.1.county", "lines.2.payer", "lines.3.amount_fen"]
    assert refused.json()["code"] == "journal.account_unknown"


async def test_what_comes_again_is_a_draft_of_every_month_once(ledger: Running) -> None:
    body = journal() | {"day_of_month": 31, "first_month": "2026-06", "last_month": "2026-09"}
    del body["happened_on"]
    who = ledger.token(Role.ACCOUNTANT, subject="zhang")
    assert (await ledger.post(f"/pools/{POOL}/recurring", who, body)).status_code == 201
    recurring = Recurring(ledger.database, ledger.clock)
    assert (await recurring.draft_due(), await recurring.draft_due()) == (2, 0)
    ledger.advance_to(datetime(2026, 12, 1, 1, 0, tzinfo=UTC))
    assert await recurring.draft_due() == 2
    drafts = (await ledger.get(f"/pools/{POOL}/drafts", ledger.token(Role.ACCOUNTANT))).json()
    assert {each["happened_on"] for each in drafts} == {str(Month(2026, n).last) for n in (6, 7, 8, 9)}
    assert (await approve(ledger, drafts[0], by="zhang")).json()["code"] == "journal.same_person"


@pytest.mark.parametrize(
    ("months", "reason"),
    [
        (("2026-09", "2026-08"), "起止月份须为 1 至 120 个月"),
        (("2026-01", "2036-01"), "起止月份须为 1 至 120 个月"),
        (("2026-1", "2026-02"), "须为月份, 如 2026-07"),
        (("2026-01", "0000-01"), "须为月份, 如 2026-07"),
        (("2026-01", "9999-12"), "不能晚于 2199-12"),
    ],
)
async def test_what_never_comes_or_never_ends_is_refused(ledger: Running, months: tuple[str, str], reason: str) -> None:
    body = journal() | {"day_of_month": 31, "first_month": months[0], "last_month": months[1]}
    del body["happened_on"]
    refused = await ledger.post(f"/pools/{POOL}/recurring", ledger.token(Role.ACCOUNTANT), body)
    assert (refused.status_code, refused.json()["code"]) == (422, "input.invalid")
    assert [each["reason"] for each in refused.json()["errors"]] == [reason]


async def test_what_comes_again_begins_in_no_month_that_is_closed(ledger: Running) -> None:
    who = ledger.token(Role.ACCOUNTANT, subject="zhang")
    assert (await ledger.post(f"/pools/{POOL}/periods/2026-06/closing", who, {})).status_code == 200
    body = journal() | {"day_of_month": 1, "last_month": "2026-09"}
    del body["happened_on"]
    refused = await ledger.post(f"/pools/{POOL}/recurring", who, body | {"first_month": "2026-06"})
    assert (refused.status_code, refused.json()["code"]) == (409, "period.closed")
    assert (await ledger.post(f"/pools/{POOL}/recurring", who, body | {"first_month": "2026-07"})).status_code == 201


async def test_a_month_does_not_close_before_what_comes_again_in_it_was_decided(ledger: Running) -> None:
    zhang = ledger.token(Role.ACCOUNTANT, subject="zhang")
    body = journal() | {"day_of_month": 31, "first_month": "2026-07", "last_month": "2026-08"}
    del body["happened_on"]
    await ledger.post(f"/pools/{POOL}/recurring", zhang, body)
    closing = f"/pools/{POOL}/periods/2026-07/closing"
    refused = (await ledger.post(closing, zhang, {})).json()
    assert [each["name"] for each in refused["checks"]] == ["recurring_drafted"]
    assert await Recurring(ledger.database, ledger.clock).draft_due() == 1
    refused = (await ledger.post(closing, zhang, {})).json()
    assert [each["name"] for each in refused["checks"]] == ["drafts_waiting"]
    (draft,) = (await ledger.get(f"/pools/{POOL}/drafts", zhang)).json()
    assert (await approve(ledger, draft)).status_code == 200
    assert (await ledger.post(closing, zhang, {})).status_code == 200
    assert (await balances(ledger, on="2026-07-31"))["4201"] == -500


async def test_what_comes_again_is_listed_and_ended_early(ledger: Running) -> None:
    zhang = ledger.token(Role.ACCOUNTANT, subject="zhang")
    body = journal() | {"day_of_month": 1, "first_month": "2026-07", "last_month": "2026-12"}
    del body["happened_on"]
    made = (await ledger.post(f"/pools/{POOL}/recurring", zhang, body)).json()
    listed = await ledger.get(f"/pools/{POOL}/recurring", ledger.token(Role.AUDITOR))
    assert listed.json() == [made]
    assert (await ledger.get(f"/pools/{POOL}/recurring", ledger.token(Role.AUDITOR, region=OTHER_COUNTY))).json() == []
    path = f"/recurring/{made['recurring_id']}/ending"
    for month in ("2026-06", "2027-01"):
        assert (await ledger.post(path, zhang, {"last_month": month})).json()["code"] == "input.invalid"
    assert (await ledger.post(path, zhang, {"last_month": "2026-08"})).json()["last_month"] == "2026-08"
    ledger.advance_to(datetime(2026, 12, 1, 1, 0, tzinfo=UTC))
    assert await Recurring(ledger.database, ledger.clock).draft_due() == 2


async def test_a_draft_is_read_by_itself(ledger: Running) -> None:
    draft = (await enter(ledger, journal())).json()
    path = f"/drafts/{draft['draft_id']}"
    assert (await ledger.get(path, ledger.token(Role.AUDITOR))).json() == draft
    assert (await ledger.get(path, ledger.token(Role.AUDITOR, region=OTHER_COUNTY))).status_code == 404
