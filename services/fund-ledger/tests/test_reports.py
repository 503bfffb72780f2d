"""Reports agree with each other and with the books, for every part of them and any two days."""

import io
from datetime import UTC, date, datetime
from typing import Any

import fastexcel
import pytest
from changhu_common.roles import Role
from changhu_policies.accounting import chart
from fund_ledger.domain.periods import BookBalance
from fund_ledger.domain.reports import balance_sheet, income_statement
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, contribution, payment
from tests.support.running import Running


@pytest.fixture(autouse=True)
async def booked(ledger: Running) -> None:
    ledger.advance_to(datetime(2027, 2, 10, 1, 0, tzinfo=UTC))
    await ledger.hear(
        contribution(90_000),
        contribution(10_000, county=OTHER_COUNTY, category="resident", payer="treasury"),
        payment(40_000),
        payment(20_000, paid_on=date(2026, 9, 3)),
    )


async def asked(ledger: Running, path: str, *, region: str = POOL, **params: Any) -> Any:
    answer = await ledger.get(f"/pools/{POOL}/{path}", ledger.token(Role.ACCOUNTANT, region=region), **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def amounts(group: dict[str, Any]) -> dict[str, int]:
    return {row["account"]: row["fen"] for row in group["rows"]}


async def test_a_balance_sheet_compares_two_days(ledger: Running) -> None:
    (group,) = (await asked(ledger, "reports/balance-sheet", on="2026-09-30", compared_on="2026-08-31"))["groups"]
    assert amounts(group) == {"1003": 40_000, "result": 40_000}
    assert group["holds"]
    assert [(row["compared_fen"], row["difference_fen"]) for row in group["rows"]] == [(60_000, -20_000)] * 2


async def test_income_and_expense_are_those_of_the_days(ledger: Running) -> None:
    (group,) = (
        await asked(
            ledger,
            "reports/income-statement",
            since="2026-08-01",
            until="2026-08-31",
            compared_since="2026-07-01",
            compared_until="2026-07-31",
        )
    )["groups"]
    assert amounts(group) == {"4001": 0, "4101": 0, "5001": 40_000}
    assert group["totals"]["result"] == -40_000
    assert group["compared_totals"]["result"] == 100_000


async def test_counties_and_schemes_add_up_to_the_pool(ledger: Running) -> None:
    for split in ("county", "scheme", "book"):
        groups = (await asked(ledger, "reports/balance-sheet", on="2026-12-31", split=split))["groups"]
        assert all(group["holds"] for group in groups)
        assert sum(amounts(group)["1003"] for group in groups) == 40_000
    (residents,) = (await asked(ledger, "reports/balance-sheet", on="2026-12-31", scheme="residents"))["groups"]
    assert amounts(residents) == {"1003": 10_000, "result": 10_000}


async def test_an_accountant_of_one_county_gets_that_countys_reports(ledger: Running) -> None:
    (group,) = (await asked(ledger, "reports/balance-sheet", region=OTHER_COUNTY, on="2026-12-31"))["groups"]
    assert amounts(group) == {"1003": 10_000, "result": 10_000}


async def test_the_year_end_does_not_empty_the_years_own_statement(ledger: Running) -> None:
    who = ledger.token(Role.ACCOUNTANT)
    for month in range(7, 13):
        answer = await ledger.post(f"/pools/{POOL}/periods/2026-{month:02d}/closing", who, {})
        assert answer.status_code == 200, answer.text
    (year,) = (await asked(ledger, "reports/income-statement", since="2026-01-01", until="2026-12-31"))["groups"]
    assert year["totals"]["result"] == 40_000
    (sheet,) = (await asked(ledger, "reports/balance-sheet", on="2026-12-31"))["groups"]
    assert amounts(sheet) == {"1003": 40_000, "3001": 40_000, "result": 0}


async def test_an_accounts_lines_run_from_its_opening_to_its_balance(
    ledger: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fund_ledger.usecases.reports.LINES_PER_PAGE_MAX", 1)
    path, days = "accounts/1003/lines", {"since": "2026-08-01", "until": "2026-12-31"}
    first = await asked(ledger, path, **days)
    assert first["opening_fen"] == 100_000
    assert [line["balance_fen"] for line in first["lines"]] == [60_000]
    second = await asked(ledger, path, **days, after=first["next_after"])
    assert (second["opening_fen"], second["lines"][0]["balance_fen"]) == (60_000, 40_000)
    assert not (await asked(ledger, path, **days, after=second["next_after"]))["lines"]


async def test_a_file_has_all_lines_and_what_follows_a_page_is_not_called_the_whole(
    ledger: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sum_row(**params: Any) -> tuple[Any, ...]:
        path, days = f"/pools/{POOL}/accounts/1003/lines", {"since": "2026-08-01", "until": "2026-12-31"}
        answer = await ledger.get(path, ledger.token(Role.AUDITOR), **days, **params, format="xlsx")
        rows = fastexcel.read_excel(answer.content).load_sheet(0, header_row=None).to_polars().rows()
        return next(row for row in rows if str(row[3]).endswith("合计"))

    monkeypatch.setattr("fund_ledger.usecases.reports.LINES_PER_PAGE_MAX", 1)
    first = await asked(ledger, "accounts/1003/lines", since="2026-08-01", until="2026-12-31")
    whole = await sum_row()
    assert (whole[3], whole[-1]) == ("本期合计", "400")
    assert (await sum_row(after=first["next_after"]))[3] == "本页合计"


async def test_months_of_reserve_rest_on_the_whole_months_before(ledger: Running) -> None:
    told = await asked(ledger, "reports/reserve", on="2026-10-15")
    # 60,000 fen in July, August and September; 40,000 left.
    assert (told["months_counted"], told["months"]) == (3, "2.0")
    assert (await asked(ledger, "reports/reserve", on="2026-07-31"))["months"] is None


async def test_a_file_of_the_reserve_says_what_the_report_says(ledger: Running) -> None:
    await ledger.hear(contribution(50_000, paid_on=date(2026, 10, 28)), payment(6_000, paid_on=date(2026, 10, 20)))
    who, params = ledger.token(Role.AUDITOR), {"on": "2026-10-15"}
    told = await asked(ledger, "reports/reserve", **params)
    answer = await ledger.get(f"/pools/{POOL}/reports/reserve", who, **params, format="xlsx")
    sheet = fastexcel.read_excel(answer.content).load_sheet(0, header_row=None).to_polars()
    (row,) = [row for row in sheet.rows() if row[0] == "2026-10-15"]
    assert (float(row[4]), row[5]) == (told["surplus_fen"] / 100, told["months"])
    assert "2026-10" not in {row[0] for row in sheet.rows()}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("reports/balance-sheet", {"on": "2026-12-31", "compared_on": "2026-07-31", "split": "book"}),
        ("reports/income-statement", {"since": "2026-01-01", "until": "2026-12-31"}),
        ("accounts/1003/lines", {"since": "2026-01-01", "until": "2026-12-31"}),
        ("trial-balance", {"on": "2026-12-31"}),
    ],
)
async def test_a_report_is_also_an_excel_file_in_yuan(ledger: Running, path: str, params: dict[str, Any]) -> None:
    answer = await ledger.get(f"/pools/{POOL}/{path}", ledger.token(Role.AUDITOR), **params, format="xlsx")
    assert answer.headers["content-type"].startswith("application/vnd.openxml")
    sheet = fastexcel.read_excel(io.BytesIO(answer.content).getvalue()).load_sheet(0, header_row=None).to_polars()
    cells = {str(cell) for row in sheet.rows() for cell in row}
    assert "单位：元" in cells
    assert cells & {"100", "100.0"}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("reports/income-statement", {"since": "2026-02-01", "until": "2026-01-31"}),
        ("reports/income-statement", {"since": "2026-01-01", "until": "2026-01-31", "compared_since": "2025-01-01"}),
        ("accounts/1003/lines", {"since": "2026-01-01", "until": "2026-01-31", "after": "here"}),
        ("reports/balance-sheet", {"split": "colour"}),
        ("reports/balance-sheet", {"county": "\0"}),
        ("reports/months", {"since": "2026-07", "until": "2026-08", "county": "2111\0"}),
    ],
)
async def test_what_makes_no_report_is_refused(ledger: Running, path: str, params: dict[str, Any]) -> None:
    answer = await ledger.get(f"/pools/{POOL}/{path}", ledger.token(Role.AUDITOR), **params)
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")


async def test_a_character_that_cannot_be_stored_names_no_pool(ledger: Running) -> None:
    path = f"/pools/{POOL}%00/reports/balance-sheet"
    answer = await ledger.get(path, ledger.token(Role.AUDITOR))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("form", ["json", "xlsx", "pdf"])
@pytest.mark.parametrize("path", ["reports/balance-sheet", "trial-balance"])
async def test_a_pool_that_does_not_exist_has_no_report_in_any_form(ledger: Running, path: str, form: str) -> None:
    answer = await ledger.get(f"/pools/211199/{path}", ledger.token(Role.AUDITOR), on="2026-08-31", format=form)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


BALANCES = st.lists(
    st.builds(
        BookBalance,
        account=st.sampled_from(sorted(chart().accounts)),
        county=st.sampled_from([COUNTY, OTHER_COUNTY]),
        scheme=st.sampled_from(["employees", "residents", None]),
        fen=st.integers(-(10**12), 10**12),
    ),
    max_size=30,
)


@given(balances=BALANCES, split=st.sampled_from(["none", "county", "scheme", "book"]))
def test_however_the_books_are_split_the_parts_add_up(balances: list[BookBalance], split: Any) -> None:
    accounts = chart().accounts
    for made in (balance_sheet, income_statement):
        (whole,) = made(balances=balances, compared=None, accounts=accounts, split="none")
        parts = made(balances=balances, compared=balances, accounts=accounts, split=split)
        for section, fen in whole.totals.items():
            assert sum(part.totals.get(section, 0) for part in parts) == fen
        assert all(row.difference_fen == 0 for part in parts for row in part.rows)
