"""An insurer's fee is counted from its agreement, goes through four people and the budget, and is paid once."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from changhu_common.events.budget import BudgetExceeded, BudgetReserved, BudgetShortfall
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.settlement import HandlingFeePaid, StatementApproved, StatementRejected
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.app import SERVICE
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.settlement.tests.settlement_story import APPROVAL, CASHIER, COUNTY, ENTRY, POOL, REVIEW
from tests.support.running import Deploy, Running

OTHER_COUNTY = "211122"
INSURER = {"code": "91211100MA00000XXH", "name": "甲保险股份有限公司"}
FEES = "/handling-fees"


def supplied(parameter: str = "handling.fee_share", value: Any = "5%", **said: Any) -> PolicyValueApproved:
    usual: dict[str, Any] = {"value_id": new_id(), "pool": POOL, "parameter": parameter, "value": value}
    usual |= {"start": date(2026, 1, 1), "source": "经办协议 7", "entered_by": "a", "approved_by": "b"}
    return PolicyValueApproved(**usual | {"approved_at": datetime(2026, 7, 1, tzinfo=UTC)} | said)


def row(quantity: int, county: str | None = None, scheme: str | None = None) -> dict[str, Any]:
    return {"quantity": quantity, "county": county, "scheme": scheme}


def terms(*basis: dict[str, Any], **said: Any) -> dict[str, Any]:
    usual = {"agreement": "经办协议 7", "method": "share", "basis_name": "本期保费收入", "basis_source": "收支表 2026"}
    return usual | {"basis": list(basis) or [row(100_000_000)]} | said


def fee(*basis: dict[str, Any], period: str = "2026", **said: Any) -> dict[str, Any]:
    return terms(*basis, **said) | {"pool": POOL, "insurer": INSURER, "period": period}


@pytest.fixture
async def settlement(deploy: Deploy) -> Running:
    """Settlement in January 2027, with an agreement by share."""
    running = await deploy(SERVICE)
    running.advance_to(datetime(2027, 1, 10, 2, tzinfo=UTC))
    await running.hear(supplied())
    return running


async def enter(settlement: Running, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    return await settlement.post(FEES, settlement.token(ENTRY), fee() if body is None else body, **more)


async def entered(settlement: Running, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await enter(settlement, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["fee"])


async def step(settlement: Running, fee_id: str, name: str, role: Role, **body: Any) -> httpx.Response:
    return await settlement.post(f"{FEES}/{fee_id}/{name}", settlement.token(role), body)


async def decided(settlement: Running, fee_id: str) -> None:
    for name, role in (("review", REVIEW), ("approval", APPROVAL)):
        answer = await step(settlement, fee_id, name, role)
        assert answer.status_code == 200, answer.text


async def reserved(settlement: Running, fee_id: str) -> None:
    said = {"year": 2027, "organization_id": new_id(), "revision": 1, "fund_fen": 0, "basis": "within_budget"}
    await settlement.hear(BudgetReserved(pool=POOL, statement_id=fee_id, **said))


async def pay(settlement: Running, fee_id: str, reference: str = "HF-1") -> httpx.Response:
    return await step(settlement, fee_id, "payment", CASHIER, bank_reference=reference, paid_on="2027-01-10")


async def paid(settlement: Running, fee_id: str, reference: str = "HF-1") -> dict[str, Any]:
    await decided(settlement, fee_id)
    await reserved(settlement, fee_id)
    answer = await pay(settlement, fee_id, reference)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def told(settlement: Running) -> list[tuple[str, str | None, int]]:
    return [(each.county, each.scheme, each.fund_fen) for each in await settlement.told(HandlingFeePaid)]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_fee_says_how_it_was_counted_and_by_which_clause(settlement: Running) -> None:
    made = await entered(settlement, fee(performance="年度考核 92 分", deduction="2%"))
    assert (made["due_fen"], made["fund_fen"]) == (4_900_000, 4_900_000)
    assert made["computation"] == "基数 1,000,000.00 元 × 5% × (1 − 绩效扣减 2%) = 49,000.00 元"
    found = made["finding"]
    assert (found["parameter"], found["clause"], found["status"]) == ("handling.fee_share", "三(九)", "supplied")
    assert (found["text"], found["reading"]) == ("经办服务费比例 5%", "补录依据：经办协议 7")


async def test_a_fee_goes_through_four_people_and_is_told_as_paid(settlement: Running) -> None:
    made = await entered(settlement)
    done = await paid(settlement, made["fee_id"])
    assert (done["status"], done["bank_reference"], done["paid_on"]) == ("paid", "HF-1", "2027-01-10")
    (event,) = await settlement.told(HandlingFeePaid)
    assert (str(event.statement_id), event.period, event.fund_fen) == (made["fee_id"], "2026", 5_000_000)
    assert (event.county, event.scheme, event.bank_reference) == (POOL, None, "HF-1")
    assert str(event.organization_id) == made["organization_id"]


async def test_counties_and_schemes_bear_what_they_have_of_the_basis(settlement: Running) -> None:
    made = await entered(settlement, fee(row(200, COUNTY, "employees"), row(105, OTHER_COUNTY), row(20)))
    assert made["due_fen"] == 16
    await paid(settlement, made["fee_id"])
    assert await told(settlement) == [(POOL, None, 1), (COUNTY, "employees", 10), (OTHER_COUNTY, None, 5)]


async def test_a_fee_asks_the_budget_for_what_each_bears(settlement: Running) -> None:
    made = await entered(settlement, fee(row(200, COUNTY, "employees"), row(100, OTHER_COUNTY)))
    await decided(settlement, made["fee_id"])
    (asks,) = await settlement.told(StatementApproved)
    assert (str(asks.statement_id), asks.month, asks.fund_fen) == (made["fee_id"], "2026-12", 15)
    assert {each.kind for each in asks.parts} == {"handling"}
    assert [(each.county, each.scheme, each.fund_fen) for each in asks.parts] == [
        (COUNTY, "employees", 10), (OTHER_COUNTY, None, 5),
    ]  # fmt: skip


async def test_a_fee_is_paid_only_when_the_budget_has_reserved_it(settlement: Running) -> None:
    made = await entered(settlement)
    await decided(settlement, made["fee_id"])
    assert code(await pay(settlement, made["fee_id"])) == (409, "statement.awaits_budget")
    await reserved(settlement, made["fee_id"])
    assert (await pay(settlement, made["fee_id"])).status_code == 200


async def test_what_the_budget_cannot_bear_may_be_sent_back_after_approval(settlement: Running) -> None:
    made = await entered(settlement)
    await decided(settlement, made["fee_id"])
    assert code(await step(settlement, made["fee_id"], "rejection", REVIEW, reason="x")) == (
        409,
        "statement.wrong_status",
    )
    short = (BudgetShortfall(account="5401", asked_fen=5_000_000, free_fen=1),)
    said = {"year": 2027, "organization_id": new_id(), "revision": 1, "fund_fen": 5_000_000, "short": short}
    await settlement.hear(BudgetExceeded(pool=POOL, statement_id=made["fee_id"], **said))
    (waiting,) = (await settlement.get(FEES, settlement.token(Role.AUDITOR), budget="exceeded")).json()
    assert "其他支出（全市）需要 50,000.00 元" in waiting["budget"]["text"]
    back = await settlement.post(
        f"{FEES}/{made['fee_id']}/rejection", settlement.token(APPROVAL, subject="zhao"), {"reason": "超预算"}
    )
    assert back.json()["status"] == "rejected"
    assert len(await settlement.told(StatementRejected)) == 1


@pytest.mark.parametrize(
    ("method", "parameter"), [("share", "handling.fee_share"), ("fixed", "handling.fee_fixed_fen")]
)
async def test_what_the_agreement_does_not_say_is_missing(deploy: Deploy, method: str, parameter: str) -> None:
    running = await deploy(SERVICE)
    running.advance_to(datetime(2027, 1, 10, 2, tzinfo=UTC))
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


async def test_a_wrong_fee_that_was_paid_is_corrected_by_the_difference(settlement: Running) -> None:
    wrong = await entered(settlement, fee(row(2_000, COUNTY), row(1_000, OTHER_COUNTY)))
    await paid(settlement, wrong["fee_id"])
    right = terms(row(1_000, COUNTY), row(1_000, POOL), reason="基数多计")
    answer = await settlement.post(f"{FEES}/{wrong['fee_id']}/correction", settlement.token(ENTRY), right)
    assert answer.status_code == 201, answer.text
    correction = answer.json()["fee"]
    assert (correction["due_fen"], correction["fund_fen"], correction["period"]) == (100, -50, "2026")
    await paid(settlement, correction["fee_id"], "HF-2")
    assert await told(settlement) == [
        (COUNTY, None, 100), (OTHER_COUNTY, None, 50), (POOL, None, 50), (COUNTY, None, -50), (OTHER_COUNTY, None, -50),
    ]  # fmt: skip
    seen = (await settlement.get(f"{FEES}/{wrong['fee_id']}", settlement.token(Role.AUDITOR))).json()
    assert seen["corrected_by"] == correction["fee_id"]


async def test_a_fee_is_undone_by_a_correction_that_takes_all_of_it_back(settlement: Running) -> None:
    wrong = await entered(settlement)
    await paid(settlement, wrong["fee_id"])
    nothing = terms(performance="合同解除", deduction="100%", reason="退回")
    made = await settlement.post(f"{FEES}/{wrong['fee_id']}/correction", settlement.token(ENTRY), nothing)
    assert made.json()["fee"]["fund_fen"] == -5_000_000


async def test_only_the_last_paid_fee_of_a_period_is_corrected(settlement: Running) -> None:
    made = await entered(settlement)

    async def correct(fee_id: str, quantity: int) -> httpx.Response:
        body = terms(row(quantity), reason="更正")
        return await settlement.post(f"{FEES}/{fee_id}/correction", settlement.token(ENTRY), body)

    assert code(await correct(made["fee_id"], 20)) == (409, "handling_fee.not_correctable")
    await paid(settlement, made["fee_id"])
    assert code(await correct(made["fee_id"], 100_000_000)) == (422, "handling_fee.empty")
    first = (await correct(made["fee_id"], 200)).json()["fee"]
    again = await correct(made["fee_id"], 300)
    assert (*code(again), again.json()["fee_id"]) == (409, "handling_fee.not_correctable", first["fee_id"])
    await paid(settlement, first["fee_id"])
    second = (await correct(first["fee_id"], 300)).json()["fee"]
    assert (second["due_fen"], second["fund_fen"]) == (15, 5)


async def test_a_period_that_is_not_over_has_no_fee(settlement: Running) -> None:
    assert code(await enter(settlement, fee(period="2027-01"))) == (422, "handling_fee.period_not_over")


async def test_a_period_with_two_rates_is_entered_in_parts(settlement: Running) -> None:
    await settlement.hear(supplied(value="4%", start=date(2026, 7, 1)))
    assert code(await enter(settlement)) == (422, "handling_fee.rate_changes")
    first, second = [await entered(settlement, fee(period=each)) for each in ("2026-Q2", "2026-Q3")]
    assert (first["rate"], second["rate"]) == ("5%", "4%")


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


async def test_steps_are_taken_in_order_by_different_people(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    assert code(await step(settlement, fee_id, "approval", APPROVAL)) == (409, "statement.wrong_status")
    same = settlement.token(REVIEW, subject=f"{ENTRY}@{POOL}")
    assert code(await settlement.post(f"{FEES}/{fee_id}/review", same, {})) == (403, "post.not_separated")
    await paid(settlement, fee_id)
    assert code(await pay(settlement, fee_id)) == (409, "statement.wrong_status")


async def test_a_payment_of_tomorrow_is_refused(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    await decided(settlement, fee_id)
    tomorrow = {"bank_reference": "B", "paid_on": "2027-01-11"}
    assert code(await step(settlement, fee_id, "payment", CASHIER, **tomorrow)) == (422, "input.invalid")


async def test_a_fee_is_the_pools_and_no_countys_clerk_sees_it(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    for region in (COUNTY, "330300"):
        who = settlement.token(ENTRY, region=region)
        assert (await settlement.get(FEES, who)).json() == []
        assert (await settlement.get(f"{FEES}/{fee_id}", who)).status_code == 404
        assert (await settlement.post(FEES, who, fee(period="2025"))).status_code == 404


async def test_a_list_is_narrowed_and_paged_from_the_newest(settlement: Running) -> None:
    made = [(await entered(settlement, fee(period=f"2026-0{month}")))["fee_id"] for month in (1, 2, 3)]
    who = settlement.token(Role.AUDITOR)

    async def ids(**params: Any) -> list[str]:
        return [each["fee_id"] for each in (await settlement.get(FEES, who, pool=POOL, **params)).json()]

    assert await ids() == made[::-1]
    assert await ids(after=made[1]) == made[:1]
    assert await ids(period="2026-02") == made[1:2]
    assert await ids(status="paid") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE handling_fee SET fund_fen = 1",
        "UPDATE handling_fee_part SET fund_fen = 1",
        "DELETE FROM handling_fee_part",
        "DELETE FROM handling_fee",
    ],
)
async def test_what_a_fee_holds_is_never_changed(settlement: Running, statement: str) -> None:
    await entered(settlement)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with settlement.database.engine.begin() as connection:
            await connection.execute(text(statement))


async def test_the_database_keeps_parts_and_fee_equal(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    with pytest.raises(IntegrityError, match="do not add up"):
        async with settlement.database.engine.begin() as connection:
            more = "INSERT INTO handling_fee_part VALUES (:fee_id, '211102', '', NULL, 1, 1)"
            await connection.execute(text(more), {"fee_id": fee_id})
            await connection.execute(text("UPDATE handling_fee SET status = 'reviewed'"))
