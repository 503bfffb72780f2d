"""An insurer's fee goes through four people and the budget, is paid once, and corrected by the difference."""

from typing import Any

import httpx
import pytest
from changhu_common.events.budget import BudgetExceeded, BudgetShortfall
from changhu_common.events.settlement import HandlingFeePaid, StatementApproved, StatementRejected
from changhu_common.ids import new_id
from changhu_common.roles import Role
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.settlement.tests.handling_story import (
    FEES,
    OTHER_COUNTY,
    code,
    decided,
    entered,
    fee,
    in_january,
    paid,
    pay,
    reserved,
    row,
    step,
    supplied,
    terms,
    told,
)
from services.settlement.tests.settlement_story import APPROVAL, CASHIER, COUNTY, ENTRY, POOL, REVIEW
from tests.support.running import Deploy, Running


@pytest.fixture
async def settlement(deploy: Deploy) -> Running:
    running = await in_january(deploy)
    await running.hear(supplied())
    return running


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


async def test_an_approved_fee_is_sent_back_by_another_person_until_it_is_paid(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    await decided(settlement, fee_id)
    await reserved(settlement, fee_id)
    own = await step(settlement, fee_id, "rejection", APPROVAL, reason="承办机构有误")
    assert code(own) == (403, "post.not_separated")
    another = settlement.token(APPROVAL, subject="zhao")
    sent = await settlement.post(f"{FEES}/{fee_id}/rejection", another, {"reason": "承办机构有误"})
    assert (sent.json()["status"], sent.json()["budget"]) == ("rejected", None)
    assert [str(each.statement_id) for each in await settlement.told(StatementRejected)] == [fee_id]
    again = (await entered(settlement))["fee_id"]
    await paid(settlement, again)
    late = await settlement.post(f"{FEES}/{again}/rejection", another, {"reason": "x"})
    assert code(late) == (409, "statement.wrong_status")


async def test_what_the_budget_cannot_bear_may_be_sent_back_after_approval(settlement: Running) -> None:
    made = await entered(settlement)
    await decided(settlement, made["fee_id"])
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


async def test_steps_are_taken_in_order_by_different_people(settlement: Running) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    early = await step(settlement, fee_id, "approval", APPROVAL)
    assert code(early) == (409, "statement.wrong_status")
    assert early.json()["detail"] == "经办服务费当前为“已录入”，不能办理这一步；请刷新后按顺序办理。"
    same = settlement.token(REVIEW, subject=f"{ENTRY}@{POOL}")
    assert code(await settlement.post(f"{FEES}/{fee_id}/review", same, {})) == (403, "post.not_separated")
    await paid(settlement, fee_id)
    assert code(await pay(settlement, fee_id)) == (409, "statement.wrong_status")


@pytest.mark.parametrize("paid_on", ["2027-01-11", "1927-01-10"])
async def test_a_payment_lies_neither_in_the_future_nor_in_another_century(settlement: Running, paid_on: str) -> None:
    fee_id = (await entered(settlement))["fee_id"]
    await decided(settlement, fee_id)
    said = {"bank_reference": "B", "paid_on": paid_on}
    assert code(await step(settlement, fee_id, "payment", CASHIER, **said)) == (422, "input.invalid")


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
