"""A fee is entered once for a period, counted from its agreement, or refused with what to do."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from changhu_common.roles import Role

from services.settlement.tests.handling_story import FEES, code, enter, entered, fee, in_january, row, step, supplied
from services.settlement.tests.settlement_story import COUNTY, ENTRY, POOL, REVIEW
from tests.support.running import Deploy, Running

WENZHOU = "330300"


@pytest.fixture
async def settlement(deploy: Deploy) -> Running:
    running = await in_january(deploy)
    await running.hear(supplied())
    return running


async def test_a_fee_says_how_it_was_counted_and_by_which_clause(settlement: Running) -> None:
    made = await entered(settlement, fee(performance="年度考核 92 分", deduction="2%"))
    assert (made["due_fen"], made["fund_fen"]) == (4_900_000, 4_900_000)
    assert made["computation"] == "基数 1,000,000.00 元 × 5% × (1 − 绩效扣减 2%) = 49,000.00 元"
    found = made["finding"]
    assert (found["parameter"], found["clause"], found["status"]) == ("handling.fee_share", "三(九)", "supplied")
    assert (found["text"], found["reading"]) == ("经办服务费比例 5%", "补录依据：经办协议 7")


@pytest.mark.parametrize(
    ("method", "parameter"), [("share", "handling.fee_share"), ("fixed", "handling.fee_fixed_fen")]
)
async def test_what_the_agreement_does_not_say_is_missing(deploy: Deploy, method: str, parameter: str) -> None:
    running = await in_january(deploy)
    refused = await enter(running, fee(method=method))
    assert code(refused) == (422, "policy.missing")
    assert (refused.json()["parameter"], refused.json()["pool"]) == (parameter, POOL)
    assert (await running.get(FEES, running.token(Role.AUDITOR))).json() == []


async def test_an_amount_for_each_person_and_a_fixed_one_are_those_of_a_year(settlement: Running) -> None:
    await settlement.hear(supplied("handling.fee_per_person_fen", 1_200), supplied("handling.fee_fixed_fen", 4_000))
    persons = await entered(settlement, fee(row(2_000, COUNTY), method="per_person", period="2026-Q3"))
    fixed = await entered(settlement, fee(method="fixed", basis=[], basis_name=None, period="2026-12"))
    assert (persons["due_fen"], fixed["due_fen"]) == (600_000, 333)


async def test_periods_of_one_insurer_do_not_overlap_unless_rejected(settlement: Running) -> None:
    made = await entered(settlement, fee(period="2026-Q3"))
    again = await enter(settlement, fee(period="2026"))
    assert (*code(again), again.json()["fee_id"]) == (409, "handling_fee.period_taken", made["fee_id"])
    assert (await enter(settlement, fee(period="2026-Q4"))).status_code == 201
    await step(settlement, made["fee_id"], "rejection", REVIEW, reason="基数有误")
    assert (await enter(settlement, fee(period="2026-07"))).status_code == 201


async def test_another_insurer_has_periods_of_its_own(settlement: Running) -> None:
    await entered(settlement)
    other = fee() | {"insurer": {"code": "91211100MA00001YYB", "name": "乙保险"}}
    assert (await enter(settlement, other)).status_code == 201


async def test_two_who_enter_at_once_make_one_fee(settlement: Running) -> None:
    answers = await asyncio.gather(*(enter(settlement) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]


async def test_a_request_sent_again_makes_no_second_fee(settlement: Running) -> None:
    first, second = [await enter(settlement, key="k") for _ in range(2)]
    assert first.json() == second.json()


async def test_a_period_that_is_not_over_has_no_fee(settlement: Running) -> None:
    assert code(await enter(settlement, fee(period="2027-01"))) == (422, "handling_fee.period_not_over")


async def test_a_period_with_two_rates_is_entered_in_parts(settlement: Running) -> None:
    await settlement.hear(supplied(value="4%", start=date(2026, 7, 1)))
    assert code(await enter(settlement)) == (422, "handling_fee.rate_changes")
    first, second = [await entered(settlement, fee(period=each)) for each in ("2026-Q2", "2026-Q3")]
    assert (first["rate"], second["rate"]) == ("5%", "4%")


@pytest.mark.parametrize(("method", "parameter"), [("fixed", "fixed_fen"), ("per_person", "per_person_fen")])
async def test_an_amount_of_a_year_is_due_only_for_months_in_which_the_insurance_was_in_force(
    settlement: Running, method: str, parameter: str
) -> None:
    await settlement.hear(supplied(f"handling.fee_{parameter}", 1_200, pool=WENZHOU, start=date(2022, 6, 25)))
    who = settlement.token(ENTRY, region=WENZHOU)

    async def answered(period: str) -> httpx.Response:
        return await settlement.post(FEES, who, fee(row(1), method=method, period=period) | {"pool": WENZHOU})

    for early in ("2022", "2022-Q2", "2022-06"):
        refused = await answered(early)
        assert (*code(refused), refused.json()["first"]) == (422, "handling_fee.begins_too_early", "2022-07")
    assert "请从2022-07起按季度或月份录入" in refused.json()["detail"]
    assert (await answered("2022-Q3")).json()["fee"]["due_fen"] == 300


async def test_a_month_in_which_the_rate_begins_is_booked_by_hand(settlement: Running) -> None:
    await settlement.hear(supplied("handling.fee_fixed_fen", 1_200, start=date(2026, 6, 25)))
    told = {}
    for period in ("2026-Q2", "2026-06"):
        refused = await enter(settlement, fee(row(1), method="fixed", period=period))
        assert code(refused) == (422, "handling_fee.rate_changes")
        told[period] = refused.json()["detail"].split("；")[-1]
    assert told == {"2026-Q2": "请按季度或月份分期录入。", "2026-06": "该月按协议约定的金额由会计记账。"}


async def test_a_share_is_due_for_a_period_in_which_the_insurance_came_into_force(settlement: Running) -> None:
    await settlement.hear(supplied(pool=WENZHOU, start=date(2022, 6, 25)))
    first = fee(row(100_000_000), period="2022") | {"pool": WENZHOU}
    made = await settlement.post(FEES, settlement.token(ENTRY, region=WENZHOU), first)
    assert made.json()["fee"]["due_fen"] == 5_000_000


@pytest.mark.parametrize("persons", [10**15, 9 * 10**12])
async def test_a_fee_of_more_than_a_fund_has_is_refused_and_not_written(settlement: Running, persons: int) -> None:
    await settlement.hear(supplied("handling.fee_per_person_fen", 1_000_000))
    refused = await enter(settlement, fee(row(persons), method="per_person"))
    assert code(refused) == (422, "handling_fee.too_much")
    assert (await settlement.get(FEES, settlement.token(Role.AUDITOR))).json() == []


async def test_a_fee_of_nothing_is_refused(settlement: Running) -> None:
    assert code(await enter(settlement, fee(row(1)))) == (422, "handling_fee.empty")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (fee(row(1, "999999")), "basis.0.county"),
        (fee(row(1, COUNTY), row(1, COUNTY)), "basis.1"),
        (fee(row(0)), "basis"),
        (fee(basis=[]), "basis"),
        (fee(row(-1)), "body.basis.0.quantity"),
        (fee(row(10**16)), "body.basis.0.quantity"),
        (fee(row(1, scheme="soldiers")), "body.basis.0.scheme"),
        (fee(basis_source=None), "basis_source"),
        (fee(basis_name=None), "basis_name"),
        (fee(deduction="2%"), "performance"),
        (fee(deduction="101%", performance="x"), "deduction"),
        (fee(deduction="0.02", performance="x"), "body.deduction"),
        (fee(period="2026-Q5"), "body.period"),
        (fee(period="9999"), "body.period"),
        (fee(period="9999-Q4"), "body.period"),
        (fee(period="9999-12"), "body.period"),
        (fee(method="guess"), "body.method"),
        (fee(agreement=" "), "body.agreement"),
        (fee() | {"colour": "red"}, "body.colour"),
    ],
)
async def test_a_bad_entry_says_which_field_and_writes_nothing(
    settlement: Running, body: dict[str, Any], named: str
) -> None:
    refused = await enter(settlement, body)
    assert code(refused) == (422, "input.invalid")
    assert named.removeprefix("body.") in {each["field"].removeprefix("body.") for each in refused.json()["errors"]}
    assert (await settlement.get(FEES, settlement.token(Role.AUDITOR))).json() == []


async def test_an_insurer_is_known_by_a_code_that_holds(settlement: Running) -> None:
    refused = await enter(settlement, fee() | {"insurer": {"code": "91211100MA00000XX1", "name": "甲"}})
    assert code(refused) == (422, "organisation_code.invalid")


async def test_a_period_that_nobody_can_read_is_told_as_a_clerk_would_write_it(settlement: Running) -> None:
    (fault,) = (await enter(settlement, fee(period="2026年"))).json()["errors"]
    assert fault["reason"] == "须为年度、季度或月份, 如 2026、2026-Q3、2026-07"
