"""A voucher is found by what an accountant knows of it, and printed as it is filed."""

import io
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import fastexcel
import httpx
import pytest
from changhu_common.roles import Role
from fund_ledger.api.vouchers import WHOLE
from pypdf import PdfReader

from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, contribution, payment, rows
from tests.support.running import Running

YEAR = {"since": "2026-01-01", "until": "2026-12-31"}
ORGANISATION = UUID(int=7)


@pytest.fixture
async def booked(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 25, 1, 0, tzinfo=UTC))
    await ledger.hear(
        contribution(1_000),
        contribution(70, county=OTHER_COUNTY, category="resident", received_on=date(2026, 8, 2)),
        payment(400, organization_id=ORGANISATION),
    )
    body = {
        "happened_on": "2026-07-31",
        "reason": "银行结息",
        "attachment": "回单 12",
        "template": {"name": "interest.received", "county": COUNTY, "amount_fen": 5},
    }
    draft = await ledger.post(f"/pools/{POOL}/drafts", ledger.token(Role.ACCOUNTANT, subject="zhang"), body)
    path = f"/drafts/{draft.json()['draft_id']}/approval"
    assert (await ledger.post(path, ledger.token(Role.ACCOUNTANT, subject="li"), {})).status_code == 200


async def sought(ledger: Running, *, region: str = POOL, **params: Any) -> httpx.Response:
    return await ledger.get(f"/pools/{POOL}/journals", ledger.token(Role.AUDITOR, region=region), **YEAR | params)


async def found(ledger: Running, **params: Any) -> list[str]:
    answer = await sought(ledger, **params)
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["vouchers"]]


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize(
    ("params", "titles"),
    [
        ({"until": "2026-07-31"}, ["收到保险费", "收到利息"]),
        ({"account": "4201"}, ["收到利息"]),
        ({"county": OTHER_COUNTY}, ["收到保险费"]),
        ({"scheme": "residents", "since": "2026-08-01"}, ["收到保险费"]),
        ({"organization_id": str(ORGANISATION)}, ["拨付定点机构费用"]),
        ({"source": "manual"}, ["收到利息"]),
        ({"since": "2026-12-01"}, []),
    ],
    ids=str,
)
async def test_vouchers_are_found_by_day_account_county_scheme_organisation_and_source(
    ledger: Running, params: dict[str, Any], titles: list[str]
) -> None:
    assert await found(ledger, **params) == titles


@pytest.mark.usefixtures("booked")
async def test_pages_of_vouchers_follow_on(ledger: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fund_ledger.usecases.vouchers.VOUCHERS_PER_PAGE_MAX", 3)
    first = (await sought(ledger)).json()
    assert (len(first["vouchers"]), first["next_after"]) == (3, 3)
    second = (await sought(ledger, after=first["next_after"])).json()
    assert ([each["sequence"] for each in second["vouchers"]], second["next_after"]) == ([4], None)


@pytest.mark.usefixtures("booked")
async def test_a_voucher_says_who_entered_and_approved_it_and_on_what_it_rests(ledger: Running) -> None:
    (interest,) = (await sought(ledger, source="manual")).json()["vouchers"]
    said = [interest[name] for name in ("voucher", "entered_by", "approved_by", "reason", "attachment")]
    assert said == ["2026-000004", "zhang", "li", "银行结息", "回单 12"]
    path = f"/journals/{interest['journal_id']}"
    assert (await ledger.get(path, ledger.token(Role.AUDITOR))).json() == interest
    printed = await ledger.get(path, ledger.token(Role.AUDITOR), format="pdf")
    (page,) = [page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages]
    for words in ("记账凭证 2026-000004", "制单：zhang", "审核：li", "回单 12", "0.05", interest["hash"]):
        assert words in page


@pytest.mark.usefixtures("booked")
async def test_a_county_sees_its_own_lines_alone(ledger: Running) -> None:
    (own,) = (await sought(ledger, region=OTHER_COUNTY)).json()["vouchers"]
    assert {line["county"] for line in own["lines"]} == {OTHER_COUNTY}
    (other,) = await rows(ledger, "SELECT id FROM journal WHERE source = 'manual'")
    refused = await ledger.get(f"/journals/{other.id}", ledger.token(Role.AUDITOR, region=OTHER_COUNTY))
    assert refused.status_code == 404


@pytest.mark.usefixtures("booked")
async def test_vouchers_are_filed_with_what_they_come_to_by_account(ledger: Running) -> None:
    printed = await sought(ledger, format="pdf")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages)
    assert "共 4 张, 2026-000001 至 2026-000004" in text
    assert all(f"记账凭证 2026-00000{number}" in text for number in range(1, 5))
    empty = await sought(ledger, format="pdf", since="2026-12-01")
    assert (empty.status_code, empty.json()["detail"]) == (404, "所选期间和条件下没有凭证可打印。")


@pytest.mark.usefixtures("booked")
async def test_a_workbook_has_every_line_of_the_days(ledger: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = fastexcel.read_excel((await sought(ledger, format="xlsx")).content).load_sheet(0, header_row=2).to_polars()
    assert sheet["借方"].drop_nulls().sum() == sheet["贷方"].drop_nulls().sum() == 14.75
    monkeypatch.setitem(WHOLE, "xlsx", 3)
    refused = await sought(ledger, format="xlsx")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "since")


async def test_the_chart_of_accounts_is_told(ledger: Running) -> None:
    told = (await ledger.get("/accounts", ledger.token(Role.AUDITOR))).json()
    assert {"number": "5001", "name": "社会保险待遇支出", "kind": "expense"} in told


async def test_an_account_that_does_not_exist_is_not_found(ledger: Running) -> None:
    assert (await sought(ledger, account="9999")).status_code == 404
