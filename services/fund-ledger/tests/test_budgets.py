"""A year's budget is drafted by one and approved by another, and every change of it is another version."""

import asyncio
import io
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import fastexcel
import httpx
import pytest
from changhu_common.roles import Role

from tests.support.budgets import (
    CARE,
    approve,
    approved,
    budget,
    draft,
    executed,
    in_force,
    line,
    paid,
    part,
)
from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, contribution, payment, rows
from tests.support.running import Running

JULY = datetime(2026, 7, 20, 2, 0, tzinfo=UTC)
HEAD = "科目,县（市、区）,险种人群,预算金额（元）\n"


@pytest.fixture(autouse=True)
def _in_july(ledger: Running) -> None:
    ledger.advance_to(JULY)


async def bring_in(ledger: Running, content: str | bytes, *, year: int = 2026, **more: Any) -> httpx.Response:
    return await ledger.post(
        f"/pools/{POOL}/budgets/{year}/import",
        ledger.token(Role.ACCOUNTANT, subject="zhang"),
        content=content.encode() if isinstance(content, str) else content,
        params={"reason": "年度预算", "attachment": "批复 1"},
        **more,
    )


async def test_a_budget_holds_once_another_person_approved_it(ledger: Running) -> None:
    drafted = await draft(ledger, budget(line(1_000), line(2_000, "4001")))
    assert (drafted.json()["budget"]["status"], drafted.json()["budget"]["version"]) == ("entered", None)
    own = await approve(ledger, drafted, by="zhang")
    assert (own.status_code, own.json()["code"]) == (403, "post.not_separated")
    told = (await approve(ledger, drafted)).json()
    assert (told["budget"]["status"], told["budget"]["version"]) == ("approved", 1)
    assert (told["income_fen"], told["expense_fen"]) == (2_000, 1_000)
    assert (await approve(ledger, drafted)).json()["code"] == "budget.decided"


async def test_an_adjustment_is_another_version_with_its_reason(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    await approve(ledger, await draft(ledger, budget(line(1_500), reason="追加")))
    told = await ledger.get(f"/pools/{POOL}/budgets", ledger.token(Role.AUDITOR), year=2026)
    assert [(each["version"], each["reason"]) for each in told.json()] == [(2, "追加"), (1, "年度预算")]
    assert (await executed(ledger))["version"] == 2


async def test_one_draft_of_a_year_waits_at_a_time(ledger: Running) -> None:
    first = await draft(ledger, budget())
    refused = await draft(ledger, budget(line(5)))
    assert (refused.status_code, refused.json()["code"]) == (409, "budget.draft_exists")
    withdrawn = await ledger.post(
        f"/budgets/{first.json()['budget']['budget_id']}/rejection",
        ledger.token(Role.ACCOUNTANT, subject="zhang"),
        {"reason": "重编"},
    )
    assert withdrawn.json()["budget"]["status"] == "rejected"
    assert (await draft(ledger, budget(line(5)))).status_code == 201


async def test_of_two_who_approve_at_once_one_does(ledger: Running) -> None:
    drafted = await draft(ledger, budget())
    answers = await asyncio.gather(*(approve(ledger, drafted, by=f"li{n}") for n in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]


@pytest.mark.parametrize(
    ("lines", "field", "numbers"),
    [
        ([line(5, "9999"), line(5, "1003")], "account", [1, 2]),
        ([line(5, county="999999")], "county", [1]),
        ([line(5, scheme="soldiers")], "scheme", [1]),
        ([line(5), line(-1, county=COUNTY)], "amount_fen", [2]),
        ([line(5), line(6)], "account", [2]),
        ([line(5), line(6, county=COUNTY)], "account", [2]),
        ([line(5, county=COUNTY), line(6, county=COUNTY, scheme="employees")], "account", [2]),
        ([line(5, scheme="employees"), line(6, county=COUNTY, scheme="employees")], "account", [2]),
    ],
)
async def test_every_line_that_cannot_stand_is_told_and_nothing_is_kept(
    ledger: Running, lines: list[dict[str, Any]], field: str, numbers: list[int]
) -> None:
    refused = await draft(ledger, budget(*lines))
    assert (refused.status_code, refused.json()["code"]) == (422, "budget.lines_invalid")
    told = [(each["field"], each["line"]) for each in refused.json()["errors"]]
    assert [number for name, number in told if name == field] == numbers
    assert not await rows(ledger, "SELECT FROM budget")


@pytest.mark.parametrize("lines", [[], [line(5, county=COUNTY)] * 2_001], ids=["none", "too many"])
async def test_a_budget_has_some_lines_and_not_too_many(ledger: Running, lines: list[dict[str, Any]]) -> None:
    refused = await draft(ledger, budget() | {"lines": lines})
    assert (refused.status_code, refused.json()["code"]) == (422, "budget.lines_invalid")


async def test_lines_of_different_schemes_and_counties_stand_side_by_side(ledger: Running) -> None:
    lines = [
        line(5, county=COUNTY, scheme="employees"),
        line(6, county=COUNTY, scheme="residents"),
        line(7, county=OTHER_COUNTY),
        line(8, county=POOL),
        line(9, "5401"),
    ]
    assert (await draft(ledger, budget(*lines))).status_code == 201


async def test_a_file_is_brought_in_and_comes_out_as_it_was(ledger: Running) -> None:
    content = HEAD + f"5001,双台子区,职工,1234567.80\n5001,{OTHER_COUNTY},,10\n5401,全市,全部,0.01\n"
    told = (await bring_in(ledger, content)).json()
    assert [(e["account"], e["county"], e["scheme"], e["amount_fen"]) for e in told["lines"]] == [
        ("5001", COUNTY, "employees", 123_456_780),
        ("5001", OTHER_COUNTY, None, 1_000),
        ("5401", None, None, 1),
    ]
    for form in ("csv", "xlsx"):
        path = f"/budgets/{told['budget']['budget_id']}"
        file = await ledger.get(f"{path}/file", ledger.token(Role.AUDITOR), format=form)
        await ledger.post(f"{path}/rejection", ledger.token(Role.ACCOUNTANT), {"reason": "重编"})
        again = (await bring_in(ledger, file.content)).json()
        assert again["lines"] == told["lines"]
        told = again


async def test_every_bad_row_of_a_file_is_told_and_nothing_is_kept(ledger: Running) -> None:
    content = HEAD + "5001,全市,全部,10.001\n,某县,军人,\n5001,全市,全部,10\n1003,全市,,5\n5001,双台子区,,5\n"
    refused = (await bring_in(ledger, content)).json()
    assert refused["code"] == "budget.lines_invalid"
    assert [(each["line"], each["field"]) for each in refused["errors"]] == [
        (2, "amount"),
        (3, "county"),
        (3, "scheme"),
        (3, "account"),
        (3, "amount"),
        (5, "account"),
        (6, "account"),
    ]
    assert not await rows(ledger, "SELECT FROM budget")


async def test_a_file_sent_again_is_one_draft(ledger: Running) -> None:
    content = HEAD + "5001,全市,全部,10\n"
    twice = [await bring_in(ledger, content, key="k") for _ in range(2)]
    assert twice[0].json() == twice[1].json()
    assert len(await rows(ledger, "SELECT FROM budget")) == 1


async def test_a_draft_can_be_copied_from_what_another_year_came_to(ledger: Running) -> None:
    await ledger.hear(
        contribution(1_001, received_on=date(2026, 3, 1)),
        payment(333, paid_on=date(2026, 3, 1)),
        payment(100, county=OTHER_COUNTY, paid_on=date(2026, 5, 1)),
        payment(-100, county=OTHER_COUNTY, paid_on=date(2026, 6, 1)),
        payment(9, paid_on=date(2025, 6, 1)),
    )
    body = {"reason": "按上年编制", "attachment": "会议纪要", "from_year": 2026, "factor": "105%"}
    who = ledger.token(Role.ACCOUNTANT)
    copied = (await ledger.post(f"/pools/{POOL}/budgets/2027/copy", who, body)).json()
    assert [(e["account"], e["county"], e["scheme"], e["amount_fen"]) for e in copied["lines"]] == [
        ("4001", COUNTY, "employees", 1_051),
        ("5001", COUNTY, "employees", 350),
    ]
    for wrong, code in (({"from_year": 2020}, "budget.nothing_executed"), ({"factor": "x"}, "budget.lines_invalid")):
        refused = await ledger.post(f"/pools/{POOL}/budgets/2028/copy", who, body | wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_a_line_is_not_lowered_below_what_is_spent_and_reserved(ledger: Running) -> None:
    await in_force(ledger, line(1_000))
    settled = approved(300)
    await ledger.hear(settled, approved(500))
    await ledger.hear(paid(settled))
    refused = await approve(ledger, await draft(ledger, budget(line(799))))
    assert (refused.status_code, refused.json()["code"]) == (422, "budget.below_execution")
    assert (await executed(ledger))["version"] == 1
    await ledger.post(
        f"/budgets/{(await rows(ledger, 'SELECT id FROM budget ORDER BY id DESC'))[0].id}/rejection",
        ledger.token(Role.ACCOUNTANT),
        {"reason": "过低"},
    )
    assert (await in_force(ledger, line(800)))["budget"]["version"] == 2


async def test_a_first_budget_covers_what_was_spent_before_it(ledger: Running) -> None:
    await ledger.hear(payment(300, paid_on=date(2026, 7, 1)))
    for lines in ([line(299)], [line(500, county=OTHER_COUNTY)]):
        drafted = await draft(ledger, budget(*lines))
        assert (await approve(ledger, drafted)).json()["code"] == "budget.below_execution"
        path = f"/budgets/{drafted.json()['budget']['budget_id']}/rejection"
        await ledger.post(path, ledger.token(Role.ACCOUNTANT), {"reason": "过低"})
    assert (await in_force(ledger, line(300)))["budget"]["version"] == 1


async def test_the_execution_says_budget_reserved_spent_and_free_by_county_and_month(ledger: Running) -> None:
    await in_force(ledger, line(1_000, county=COUNTY), line(500, county=OTHER_COUNTY), line(2_000, "4001"))
    settled = approved(part(300), part(40, county=OTHER_COUNTY))
    await ledger.hear(contribution(750), settled, approved(part(100), decided_on=date(2026, 6, 30)))
    await ledger.hear(paid(settled, 300), paid(settled, 40, county=OTHER_COUNTY))
    income, here, there = (await executed(ledger))["lines"]
    assert (income["budget_fen"], income["spent_fen"], income["percent"]) == (2_000, 750, "37.5%")
    shown = ("budget_fen", "reserved_fen", "spent_fen", "free_fen", "percent", "state")
    assert [here[each] for each in shown] == [1_000, 100, 300, 600, "40.0%", "ok"]
    assert [there[each] for each in shown] == [500, 0, 40, 460, "8.0%", "ok"]
    assert [(e["month"], e["reserved_fen"], e["spent_fen"]) for e in here["books"][0]["months"]] == [
        ("2026-06", 100, 0),
        ("2026-07", 0, 300),
    ]


async def test_the_execution_says_what_decides_and_what_does_not(ledger: Running) -> None:
    assert (await executed(ledger))["notes"] == ["该年度没有经批准的预算：不预警，也不控制拨付。"]
    await in_force(ledger, line(1_000))
    told = await executed(ledger)
    assert [(each["parameter"], each["value"], each["status"]) for each in told["rules"]] == [
        ("budget.hard_stop", "stops", "暂按理解")
    ]
    assert "budget.warning_level" in told["notes"][0]


async def test_spending_that_no_line_covers_is_shown_as_beyond_the_budget(ledger: Running) -> None:
    await in_force(ledger, line(1_000, "5401"))
    await ledger.hear(payment(300, paid_on=date(2026, 7, 1)))
    care = (await executed(ledger))["lines"][0]
    assert (care["account"], care["budget_fen"], care["free_fen"], care["state"]) == (CARE, 0, -300, "exceeded")


async def test_who_sees_one_county_sees_its_part_of_the_execution(ledger: Running) -> None:
    await in_force(ledger, line(1_000), line(70, "5401", COUNTY), line(80, "5401", OTHER_COUNTY))
    await ledger.hear(approved(part(300), part(40, county=OTHER_COUNTY)))
    who = ledger.token(Role.ACCOUNTANT, region=COUNTY)
    told = (await ledger.get(f"/pools/{POOL}/budgets/2026/execution", who)).json()
    assert [(each["account"], each["budget_fen"], each["reserved_fen"]) for each in told["lines"]] == [
        (CARE, None, 300),
        ("5401", 70, 0),
    ]
    stranger = ledger.token(Role.ACCOUNTANT, region="330300")
    assert (await ledger.get(f"/pools/{POOL}/budgets/2026/execution", stranger)).status_code == 404


async def test_the_execution_comes_as_an_excel_file_and_as_a_print(ledger: Running) -> None:
    await in_force(ledger, line(100_000))
    await ledger.hear(approved(30_050))
    path, who = f"/pools/{POOL}/budgets/2026/execution", ledger.token(Role.AUDITOR)
    sheet = await ledger.get(path, who, format="xlsx")
    read = fastexcel.read_excel(io.BytesIO(sheet.content).read()).load_sheet(0, header_row=2).to_polars()
    assert read.row(0, named=True)["已占用"] == 300.5
    assert (await ledger.get(path, who, format="pdf")).content.startswith(b"%PDF")


async def test_a_budget_is_the_pools_and_no_countys(ledger: Running) -> None:
    told = await in_force(ledger, line(1_000))
    who = ledger.token(Role.ACCOUNTANT, region=COUNTY)
    asked = [
        await ledger.get(f"/budgets/{told['budget']['budget_id']}", who),
        await ledger.get(f"/pools/{POOL}/budgets", who),
        await ledger.post(f"/pools/{POOL}/budgets/2026", who, budget()),
        await ledger.get(f"/budgets/{uuid4()}", ledger.token(Role.ACCOUNTANT)),
    ]
    assert [each.status_code for each in asked] == [404] * 4
