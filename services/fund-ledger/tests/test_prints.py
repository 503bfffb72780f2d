"""A printed report says what the report says, page by page, in letters that can be searched and checked."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from changhu_common.roles import Role
from fund_ledger.api.paper.font import font, width_of, wrapped
from fund_ledger.api.paper.print import Made, printed
from fund_ledger.api.reports import LINES_WHOLE
from fund_ledger.api.tables import Column, Fen, Row, Table, amount
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from tests.support.ledgers import OTHER_COUNTY, POOL, contribution, payment
from tests.support.running import Running

MADE = Made("张会计", datetime(2027, 2, 10, 1, 0, tzinfo=UTC))
REPORTS = [
    ("reports/balance-sheet", {"on": "2026-12-31", "compared_on": "2026-07-31", "split": "book"}),
    ("reports/income-statement", {"since": "2026-01-01", "until": "2026-12-31", "split": "county"}),
    ("reports/months", {"since": "2026-07", "until": "2026-12"}),
    ("reports/reserve", {"on": "2026-12-31"}),
    ("accounts/1003/lines", {"since": "2026-01-01", "until": "2026-12-31"}),
    ("trial-balance", {"on": "2026-12-31", "by_county": "true"}),
]


@pytest.fixture
async def booked(ledger: Running) -> None:
    ledger.advance_to(datetime(2027, 2, 10, 1, 0, tzinfo=UTC))
    await ledger.hear(
        contribution(900_000_00),
        contribution(100_000_00, county=OTHER_COUNTY, category="resident", payer="treasury"),
        payment(40_000_50),
        payment(20_000_00, paid_on=date(2026, 9, 3)),
    )


async def fetched(ledger: Running, path: str, **params: Any) -> bytes:
    answer = await ledger.get(f"/pools/{POOL}/{path}", ledger.token(Role.AUDITOR), **params, format="pdf")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return answer.content


def pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


async def anchor(ledger: Running) -> str:
    told = (await ledger.get(f"/pools/{POOL}/anchor", ledger.token(Role.AUDITOR))).json()
    return f"{told['sequence']}:{told['hash']}"


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize(("path", "params"), REPORTS, ids=[path for path, _ in REPORTS])
async def test_every_page_can_be_checked_against_the_chain(ledger: Running, path: str, params: dict[str, Any]) -> None:
    read = pages(await fetched(ledger, path, **params))
    known = await anchor(ledger)
    for number, page in enumerate(read, 1):
        assert f"账簿锚 {known}" in page
        assert f"第 {number} 页 共 {len(read)} 页" in page
    assert all(name in read[-1] for name in ("制表：", "复核：", "负责人："))
    assert "生成：2027-02-10 09:00" in read[0]
    assert "单位：元" in read[0]


@pytest.mark.usefixtures("booked")
async def test_amounts_are_in_yuan_with_separators(ledger: Running) -> None:
    (page,) = pages(await fetched(ledger, "trial-balance", on="2026-12-31"))
    assert "1,000,000.00" in page
    assert "60,000.50" in page


@pytest.mark.usefixtures("booked")
async def test_a_statement_has_its_sums_and_its_charts(ledger: Running) -> None:
    whole = "\n".join(pages(await fetched(ledger, "reports/income-statement", since="2026-07-01", until="2026-12-31")))
    assert "939,999.50" in whole  # 本期收支结余
    for said in ("收入合计", "支出合计", "本期收支结余", "各月收入与支出（万元）", "基金可支付月数（月）"):
        assert said in whole
    assert "各县（市、区）收入、支出" in whole


@pytest.mark.usefixtures("booked")
async def test_a_months_row_is_what_was_booked_in_it(ledger: Running) -> None:
    answer = await ledger.get(
        f"/pools/{POOL}/reports/months", ledger.token(Role.AUDITOR), since="2026-06", until="2026-09"
    )
    months = {each["month"]: each for each in answer.json()["months"]}
    assert (months["2026-06"]["income_fen"], months["2026-06"]["surplus_fen"]) == (0, 0)
    assert months["2026-07"]["result_fen"] == 1_000_000_00
    assert months["2026-07"]["reserve"] is None
    assert months["2026-08"]["surplus_fen"] == 1_000_000_00 - 40_000_50
    # 940,000 in hand; 60,000.50 in three months
    assert months["2026-09"]["reserve"] == "46.9"


@pytest.mark.usefixtures("booked")
async def test_the_last_month_lasts_as_long_as_the_reserve_says(ledger: Running) -> None:
    who = ledger.token(Role.AUDITOR)
    told = (await ledger.get(f"/pools/{POOL}/reports/reserve", who, on="2026-10-01")).json()
    months = (await ledger.get(f"/pools/{POOL}/reports/months", who, since="2026-09", until="2026-09")).json()
    assert months["months"][0]["reserve"] == told["months"]


async def test_a_print_of_empty_books_says_so(ledger: Running) -> None:
    (page, *_) = pages(await fetched(ledger, "reports/balance-sheet", on="2026-07-01"))
    assert "账簿尚无记账" in page


@pytest.mark.usefixtures("booked")
async def test_an_account_too_long_to_print_is_refused_with_what_to_do(
    ledger: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LINES_WHOLE, "pdf", 1)
    answer = await ledger.get(
        f"/pools/{POOL}/accounts/1003/lines",
        ledger.token(Role.AUDITOR),
        since="2026-01-01",
        until="2026-12-31",
        format="pdf",
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")
    assert "请缩短期间" in answer.json()["detail"]


@pytest.mark.usefixtures("booked")
async def test_a_statement_of_more_years_than_a_chart_has_room_for_is_printed_with_the_last_of_them(
    ledger: Running,
) -> None:
    whole = "\n".join(pages(await fetched(ledger, "reports/income-statement", since="1900-01-01", until="2199-12-31")))
    assert "939,999.50" in whole


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("path", ["reports/balance-sheet", "reports/reserve"])
async def test_a_day_that_no_books_reach_is_refused(ledger: Running, path: str, day: str) -> None:
    answer = await ledger.get(f"/pools/{POOL}/{path}", ledger.token(Role.AUDITOR), on=day, format="pdf")
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")


@pytest.mark.parametrize(("since", "until"), [("2026-02", "2026-01"), ("1900-01", "2026-01"), ("2026-13", "2026-12")])
async def test_months_that_make_no_report_are_refused(ledger: Running, since: str, until: str) -> None:
    answer = await ledger.get(f"/pools/{POOL}/reports/months", ledger.token(Role.AUDITOR), since=since, until=until)
    assert (answer.status_code, answer.json()["code"]) == (422, "input.invalid")


def long_table(amounts: list[int]) -> Table:
    columns = [Column("日期", 10), Column("摘要", 30), amount("借方", 20, "sum"), amount("余额", 20, "last")]
    balance, rows = 0, [Row(["", "期初余额", "", Fen(0)], strong=True)]
    for number, fen in enumerate(amounts):
        balance += fen
        rows.append(Row([f"{number}", "收到保险费", Fen(fen), Fen(balance)]))
    return Table("明细账", POOL, "2026-01-01 至 2026-12-31", columns, rows)


def test_a_long_table_repeats_its_head_and_carries_its_sums_over() -> None:
    read = pages(printed([long_table([100] * 200)], MADE))
    assert len(read) > 3
    assert all("摘要" in page for page in read)
    for page, next_page in itertools.pairwise(read):
        carried = page.split("过次页")[1].split()[:2]
        assert next_page.split("承前页")[1].split()[:2] == carried
        assert carried[0] == carried[1]  # what was debited is what stands
    assert "过次页" not in read[-1]


@settings(max_examples=20, deadline=None)
@given(amounts=st.lists(st.integers(1, 10**12), min_size=60, max_size=90))
def test_what_is_carried_over_is_the_sum_of_the_rows_before(amounts: list[int]) -> None:
    read = pages(printed([long_table(amounts)], MADE))
    said = read[1].split("承前页")[1].split()[0]
    rows_before = sum(1 for line in read[0].splitlines() if "收到保险费" in line)
    assert int(said.replace(",", "").replace(".", "")) == sum(amounts[:rows_before])


def test_prints_that_are_made_at_once_do_not_mix() -> None:
    tables = [long_table([number] * 200) for number in range(1, 9)]
    alone = [printed([table], MADE) for table in tables]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda table: printed([table], MADE), tables)) == alone


@pytest.mark.usefixtures("booked")
async def test_a_countys_accountant_prints_that_countys_money_alone(ledger: Running) -> None:
    who = ledger.token(Role.ACCOUNTANT, region=OTHER_COUNTY)
    for path, params in REPORTS:
        answer = await ledger.get(f"/pools/{POOL}/{path}", who, **params, format="pdf")
        said = "\n".join(pages(answer.content))
        assert "100,000.00" in said
        assert "900,000.00" not in said
        assert "1,000,000.00" not in said


def test_the_same_report_prints_to_the_same_bytes() -> None:
    assert printed([long_table([1, 2])], MADE) == printed([long_table([1, 2])], MADE)


@settings(deadline=None)
@given(text=st.text(st.characters(categories=("L", "N", "P")), max_size=60), width=st.integers(20, 200))
def test_no_letter_is_lost_where_a_text_is_broken_into_lines(text: str, width: int) -> None:
    font()
    lines = wrapped(text, width=width, size=8)
    assert "".join(lines) == text
    assert all(width_of(line, 8) <= width or len(line) == 1 for line in lines)
