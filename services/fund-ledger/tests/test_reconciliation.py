"""Books, banks and the tax bureau say the same in the end, or the month stays open."""

import asyncio
import io
from datetime import UTC, date, datetime
from typing import Any

import httpx
import polars as pl
import pytest
from changhu_common.roles import Role

from tests.support.banks import ACCOUNT, OTHER_NUMBER, Moved, registered, told
from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, contribution, payment, rows
from tests.support.running import Running

DAY, LAST = date(2026, 7, 20), date(2026, 7, 31)


@pytest.fixture(autouse=True)
def in_september(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 9, 20, 1, 0, tzinfo=UTC))


def accountant(ledger: Running, by: str = "zhang", **where: Any) -> dict[str, str]:
    return ledger.token(Role.ACCOUNTANT, subject=by, **where)


async def report(ledger: Running, month: str = "2026-07", **where: Any) -> dict[str, Any]:
    who = ledger.token(Role.AUDITOR, **where)
    answer = await ledger.get(f"/pools/{POOL}/reconciliations/{month}", who)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def close(ledger: Running, month: str = "2026-07") -> httpx.Response:
    return await ledger.post(f"/pools/{POOL}/periods/{month}/closing", accountant(ledger), {})


def failed(answer: httpx.Response) -> list[str]:
    return [each["name"] for each in answer.json()["checks"]]


async def test_outstanding_items_adjust_both_balances_to_the_same(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(
        contribution(10_000, received_on=DAY),
        contribution(600, received_on=LAST),
        payment(300, paid_on=LAST, bank_reference="B1"),
    )
    await told(ledger, account_id, [Moved(DAY, 10_000), Moved(DAY, 77), Moved(LAST, -5)])
    body = await report(ledger)
    (place,) = body["places"]
    assert place["adjustment"] == {
        "books_fen": 10_300,
        "bank_received_fen": 77,
        "bank_paid_fen": 5,
        "books_adjusted_fen": 10_372,
        "bank_fen": 10_072,
        "books_received_fen": 600,
        "books_paid_fen": 300,
        "bank_adjusted_fen": 10_372,
        "difference_fen": 0,
    }
    assert sorted(each["amount_fen"] for each in place["lines"]) == [-5, 77]
    assert sorted(each["amount_fen"] for each in place["entries"]) == [-300, 600]
    assert (place["lines_unmatched"], body["holds"]) == (2, False)


async def test_what_the_bank_knew_a_month_later_was_outstanding_until_then(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=LAST))
    await told(ledger, account_id, [])
    await told(ledger, account_id, [Moved(date(2026, 8, 3), 600)], since=date(2026, 8, 1), until=date(2026, 8, 31))
    (place,) = (await report(ledger))["places"]
    assert (place["adjustment"]["books_received_fen"], place["adjustment"]["difference_fen"]) == (600, 0)
    assert [each["settled_on"] for each in place["entries"]] == ["2026-08-03"]
    (place,) = (await report(ledger, "2026-08"))["places"]
    assert (place["entries"], place["adjustment"]["difference_fen"]) == ([], 0)
    assert [(await close(ledger, month)).status_code for month in ("2026-07", "2026-08")] == [200, 200]


async def test_several_accounts_of_one_place_are_summed(ledger: Running) -> None:
    first, second = await registered(ledger), await registered(ledger, number=OTHER_NUMBER)
    await ledger.hear(contribution(600, received_on=DAY), contribution(40, received_on=LAST))
    await told(ledger, first, [Moved(DAY, 600)])
    (place,) = (await report(ledger))["places"]
    assert place["adjustment"] is None
    content = f"账号,交易日期,收入金额,支出金额\n{OTHER_NUMBER},2026-07-31,0.40,\n".encode()
    beside = {"since": "2026-07-01", "until": "2026-07-31", "opening_fen": 0, "closing_fen": 40}
    who = accountant(ledger)
    await ledger.post(f"/bank-accounts/{second}/statements", who, content=content, params=beside)
    (place,) = (await report(ledger))["places"]
    assert (place["adjustment"]["bank_fen"], place["adjustment"]["difference_fen"]) == (640, 0)


async def test_a_countys_account_is_compared_with_that_countys_money(ledger: Running) -> None:
    account_id = await registered(ledger, county=COUNTY)
    await ledger.hear(contribution(600, received_on=DAY), contribution(600, received_on=DAY, county=OTHER_COUNTY))
    answer = await told(ledger, account_id, [Moved(DAY, 600)])
    assert answer["matching"]["entries_left"] == 0
    (place,) = (await report(ledger))["places"]
    assert (place["county"], place["adjustment"]["books_fen"], place["adjustment"]["difference_fen"]) == (
        COUNTY,
        600,
        0,
    )
    assert (await report(ledger, region=OTHER_COUNTY))["places"] == []


async def test_a_month_without_a_bank_account_closes_and_says_so(ledger: Running) -> None:
    await ledger.hear(contribution())
    checks = await ledger.get(f"/pools/{POOL}/periods/2026-07/checks", accountant(ledger))
    (check,) = [each for each in checks.json() if each["name"].startswith("bank")]
    assert (check["holds"], check["detail"]) == (True, "本月没有登记的银行账户, 未与银行对账")
    assert (await close(ledger)).status_code == 200


async def test_a_month_with_an_unmatched_line_does_not_close_until_it_is_booked(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 600), Moved(LAST, 12, "I1")])
    refused = await close(ledger)
    assert (refused.status_code, failed(refused)) == (409, ["bank_lines_unmatched"])
    page = await ledger.get(f"/pools/{POOL}/bank-lines", accountant(ledger), matched=False)
    (line,) = page.json()["lines"]
    body = {"template": "interest.received", "county": COUNTY, "reason": "结息", "attachment": "回单"}
    draft = (await ledger.post(f"/bank-lines/{line['line_id']}/draft", accountant(ledger), body)).json()
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", accountant(ledger, "li"), {})
    assert (await close(ledger)).status_code == 200


async def test_a_month_whose_days_no_statement_covers_does_not_close(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    assert failed(await close(ledger)) == ["bank_statements_missing"]
    await told(ledger, account_id, [Moved(DAY, 600)], until=date(2026, 7, 30))
    assert failed(await close(ledger)) == ["bank_statements_missing"]
    await told(ledger, account_id, [], since=date(2026, 7, 31), opening_fen=600)
    assert (await close(ledger)).status_code == 200


async def test_statements_that_do_not_follow_on_keep_the_month_open(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 600)], until=date(2026, 7, 30))
    await told(ledger, account_id, [], since=date(2026, 7, 31), opening_fen=500)
    assert failed(await close(ledger)) == ["bank_statements_missing", "bank_difference"]
    assert "期末与 2026-07-31 期初相差 -100 分" in " ".join((await report(ledger))["notes"])


async def test_a_balance_that_nobody_explains_keeps_the_month_open(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 600)], opening_fen=1)
    refused = await close(ledger)
    assert failed(refused) == ["bank_difference"]
    assert "1003 相差 1 分" in refused.json()["detail"]


async def test_what_was_outstanding_before_the_first_statement_is_explained_by_hand(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(1_000, received_on=date(2026, 6, 1)), payment(300, paid_on=date(2026, 6, 30)))
    await told(ledger, account_id, [Moved(date(2026, 7, 2), -300, "Q")], opening_fen=1_000)
    assert (await report(ledger))["places"][0]["adjustment"]["difference_fen"] == 300
    line = (await ledger.get(f"/pools/{POOL}/bank-lines", accountant(ledger))).json()["lines"][0]
    free = await ledger.get(f"/pools/{POOL}/accounts/{ACCOUNT}/unmatched-entries", accountant(ledger))
    (entry,) = [each["entry"] for each in free.json()["entries"] if each["amount_fen"] == -300]
    body = {"account": ACCOUNT, "lines": [line["line_id"]], "entries": [entry], "reason": "期初未达"}
    await ledger.post(f"/pools/{POOL}/matches", accountant(ledger), body)
    assert (await report(ledger))["places"][0]["adjustment"]["difference_fen"] == 0


async def test_a_match_of_a_closed_month_stays_and_the_rules_leave_it_alone(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=date(2026, 7, 17)))
    await told(ledger, account_id, [Moved(DAY, 600)])
    assert (await close(ledger)).status_code == 200
    (match,) = (await ledger.get(f"/pools/{POOL}/matches", accountant(ledger))).json()
    undo = await ledger.post(f"/matches/{match['match_id']}/undoing", accountant(ledger), {"reason": "x"})
    assert (undo.status_code, undo.json()["code"]) == (409, "match.period_closed")
    (statement,) = await rows(ledger, "SELECT id FROM bank_statement")
    void = await ledger.post(f"/bank-statements/{statement.id}/voiding", accountant(ledger), {"reason": "x"})
    assert (void.status_code, void.json()["code"]) == (409, "bank_statement.needed")
    await ledger.hear(contribution(600, received_on=DAY))
    (ran,) = (await ledger.post(f"/pools/{POOL}/matching", accountant(ledger), {})).json()
    assert (ran["new"], ran["taken_back"], ran["entries_left"]) == ({}, 0, 1)


async def test_a_month_that_closes_while_a_match_is_taken_apart_does_one_of_both(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 600)])
    (match,) = (await ledger.get(f"/pools/{POOL}/matches", accountant(ledger))).json()
    undoing = f"/matches/{match['match_id']}/undoing"
    closed, undone = await asyncio.gather(
        close(ledger), ledger.post(undoing, accountant(ledger), {"reason": "不是同一笔"})
    )
    assert (closed.status_code, undone.status_code) in {(200, 409), (409, 200)}


async def test_an_account_begins_in_an_open_month(ledger: Running) -> None:
    await ledger.hear(contribution(600, received_on=DAY))
    assert (await close(ledger)).status_code == 200
    body = {"name": "n", "bank": "b", "number": OTHER_NUMBER, "account": ACCOUNT, "since": "2026-07-31"}
    refused = await ledger.post(f"/pools/{POOL}/bank-accounts", accountant(ledger), body)
    assert (refused.status_code, refused.json()["code"]) == (409, "bank_account.period_closed")


async def test_an_account_ends_in_an_open_month(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(600, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 600), Moved(LAST, -600)])
    (line,) = (await ledger.get(f"/pools/{POOL}/bank-lines", accountant(ledger), matched=False)).json()["lines"]
    body = {"template": "bank_charge.paid", "county": COUNTY, "reason": "扣收", "attachment": "回单"}
    draft = (await ledger.post(f"/bank-lines/{line['line_id']}/draft", accountant(ledger), body)).json()
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", accountant(ledger, "li"), {})
    assert (await close(ledger)).status_code == 200
    refused = await ledger.post(f"/bank-accounts/{account_id}/closing", accountant(ledger), {"until": str(LAST)})
    assert (refused.status_code, refused.json()["code"]) == (409, "bank_account.end_period_closed")


HEAD = "县区,参保类别,入库月份,资金来源,金额"


async def load_tax(ledger: Running, *lines: str, month: str = "2026-07", **said: Any) -> httpx.Response:
    content = "\n".join([HEAD, *lines]).encode()
    return await ledger.post(f"/pools/{POOL}/tax-receipts/{month}", accountant(ledger), content=content, params=said)


async def test_the_tax_bureaus_receipts_are_compared_with_what_was_booked(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(
        contribution(600, payer="employer", received_on=DAY),
        contribution(40, payer="person", category="minor", received_on=DAY),
        contribution(999, payer="treasury", received_on=DAY),
        contribution(70, payer="person", county=OTHER_COUNTY, received_on=date(2026, 8, 1)),
    )
    await told(ledger, account_id, [Moved(DAY, 600)])
    loaded = await load_tax(
        ledger,
        f"{COUNTY},employee,2026-07,employer,6.50",
        f"{OTHER_COUNTY},城乡居民,2026-07,本人缴纳,1.00",
        total_fen=750,
    )
    assert (loaded.json()["outcome"], loaded.json()["rows"], loaded.json()["total_fen"]) == ("loaded", 2, 750)
    body = (await ledger.get(f"/pools/{POOL}/tax-receipts/2026-07", accountant(ledger))).json()
    cells = [
        (each["county"], each["scheme"], each["payer"], each["booked_fen"], each["tax_fen"], each["difference_fen"])
        for each in body["cells"]
    ]
    assert cells == [
        (COUNTY, "employees", "employer", 600, 650, 50),
        (COUNTY, "residents", "person", 40, 0, -40),
        (OTHER_COUNTY, "residents", "person", 0, 100, 100),
    ]
    three = (await report(ledger))["counties"]
    assert three[0] == {
        "county": COUNTY,
        "booked_fen": 640,
        "bank_fen": 600,
        "tax_fen": 650,
        "booked_not_at_bank_fen": 40,
        "tax_less_booked_fen": 10,
    }
    own = await ledger.get(f"/pools/{POOL}/tax-receipts/2026-07", accountant(ledger, region=OTHER_COUNTY))
    assert [each["county"] for each in own.json()["cells"]] == [OTHER_COUNTY]


async def test_a_receipt_that_was_taken_back_by_hand_is_not_compared(ledger: Running) -> None:
    await ledger.hear(contribution(600, payer="employer", received_on=DAY))
    (wrong,) = await rows(ledger, "SELECT id FROM journal")
    await ledger.hear(contribution(100, payer="employer", received_on=DAY))
    body = {"happened_on": str(LAST), "reason": "重复入账", "attachment": "说明 1"}
    draft = (await ledger.post(f"/journals/{wrong.id}/reversal", accountant(ledger), body)).json()
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", accountant(ledger, "li"), {})
    await load_tax(ledger, f"{COUNTY},employee,2026-07,employer,1.00")
    tax = (await report(ledger))["tax"]
    assert (tax["booked_fen"], tax["difference_fen"]) == (100, 0)


async def test_counties_that_differ_are_told_even_where_their_sum_does_not(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(*(contribution(600, payer="employer", received_on=DAY, county=c) for c in (COUNTY, OTHER_COUNTY)))
    await told(ledger, account_id, [Moved(DAY, 1_200)])
    assert (await report(ledger))["holds"]
    await load_tax(ledger, *(f"{c},employee,2026-07,employer,{fen}" for c, fen in ((COUNTY, 9), (OTHER_COUNTY, 3))))
    body = await report(ledger)
    assert (body["tax"]["difference_fen"], body["holds"]) == (0, False)
    assert "税务部门 2026-07 的入库与入账有 2 项不一致" in " ".join(body["notes"])


async def test_a_tax_file_sent_again_changes_nothing_and_a_corrected_one_takes_its_place(ledger: Running) -> None:
    line = f"{COUNTY},employee,2026-07,employer,6.50"
    first, again = [(await load_tax(ledger, line)).json() for _ in range(2)]
    assert (again["outcome"], again["file_id"]) == ("known", first["file_id"])
    await load_tax(ledger, line.replace("6.50", "6.60"))
    body = (await ledger.get(f"/pools/{POOL}/tax-receipts/2026-07", accountant(ledger))).json()
    assert body["tax_fen"] == 660
    assert len(await rows(ledger, "SELECT FROM tax_file")) == 2


@pytest.mark.parametrize(
    ("lines", "said", "field"),
    [
        (["999999,employee,2026-07,employer,6.50"], {}, "county"),
        ([f"{COUNTY},lottery,2026-07,employer,6.50"], {}, "category"),
        ([f"{COUNTY},employee,2026-08,employer,6.50"], {}, "month"),
        ([f"{COUNTY},employee,2026-07,lottery,6.50"], {}, "payer"),
        ([f"{COUNTY},employee,2026-07,employer,6.505"], {}, "amount"),
        ([f"{COUNTY},employee,2026-07,employer,6.50"] * 2, {}, "county"),
        ([f"{COUNTY},employee,2026-07,employer,6.50"], {"total_fen": 651}, "total_fen"),
    ],
)
async def test_a_bad_tax_file_is_refused_and_nothing_is_kept(
    ledger: Running, lines: list[str], said: dict[str, Any], field: str
) -> None:
    refused = await load_tax(ledger, *lines, **said)
    assert (refused.status_code, refused.json()["code"]) == (422, "tax_receipts.rows_invalid")
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert not await rows(ledger, "SELECT FROM tax_file")


async def test_only_who_sees_the_whole_pool_loads_its_tax_file(ledger: Running) -> None:
    who = accountant(ledger, region=COUNTY)
    refused = await ledger.post(f"/pools/{POOL}/tax-receipts/2026-07", who, content=HEAD.encode())
    assert refused.status_code == 404


@pytest.mark.parametrize("form", ["xlsx", "pdf"])
async def test_the_report_is_a_file_as_well(ledger: Running, form: str) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(10_000, received_on=DAY))
    await told(ledger, account_id, [Moved(DAY, 77)])
    who = ledger.token(Role.AUDITOR)
    answer = await ledger.get(f"/pools/{POOL}/reconciliations/2026-07", who, format=form)
    assert answer.status_code == 200, answer.text
    if form == "pdf":
        assert answer.content.startswith(b"%PDF")
        return
    sheet = pl.read_excel(io.BytesIO(answer.content), sheet_name="银行存款余额调节表 1003", has_header=False)
    said = {str(cell) for row in sheet.rows() for cell in row if cell is not None}
    assert {"账面余额", "加：银行已收、账面未收", "调节后余额", "100.77"} <= said
