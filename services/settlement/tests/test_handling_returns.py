"""A fee that the bank sent back is told back part by part, and what it held is free."""

import pytest
from changhu_common.events.settlement import HandlingFeePaid, HandlingFeeReversed
from changhu_common.roles import Role

from services.settlement.tests.handling_story import (
    FEES,
    OTHER_COUNTY,
    code,
    enter,
    entered,
    fee,
    in_january,
    paid,
    row,
    send_back,
    step,
    supplied,
    terms,
)
from services.settlement.tests.settlement_story import APPROVAL, CASHIER, COUNTY, ENTRY, REVIEW
from tests.support.running import Deploy, Running


@pytest.fixture
async def settlement(deploy: Deploy) -> Running:
    running = await in_january(deploy)
    await running.hear(supplied())
    return running


async def corrected(settlement: Running, fee_id: str, quantity: int) -> str:
    body = terms(row(quantity), reason="更正")
    answer = await settlement.post(f"{FEES}/{fee_id}/correction", settlement.token(ENTRY), body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["fee"]["fee_id"])


async def test_every_part_of_a_fee_that_came_back_is_told_back_once(settlement: Running) -> None:
    made = await entered(settlement, fee(row(200, COUNTY, "employees"), row(100, OTHER_COUNTY)))
    await paid(settlement, made["fee_id"])
    back = await send_back(settlement, made["fee_id"])
    assert (back.json()["status"], back.json()["return_reference"]) == ("returned", "R-1")
    assert code(await send_back(settlement, made["fee_id"])) == (409, "statement.wrong_status")
    told = await settlement.told(HandlingFeeReversed)
    assert [(each.county, each.scheme, each.fund_fen, each.bank_reference) for each in told] == [
        (COUNTY, "employees", 10, "R-1"), (OTHER_COUNTY, None, 5, "R-1"),
    ]  # fmt: skip
    assert [each.payment_id for each in told] == [each.payment_id for each in await settlement.told(HandlingFeePaid)]


async def test_the_period_of_a_fee_that_came_back_is_free_for_a_new_one(settlement: Running) -> None:
    first = (await entered(settlement))["fee_id"]
    await paid(settlement, first)
    assert code(await enter(settlement)) == (409, "handling_fee.period_taken")
    await send_back(settlement, first)
    second = await entered(settlement)
    assert (await paid(settlement, second["fee_id"], "HF-2"))["status"] == "paid"
    assert [each.fund_fen for each in await settlement.told(HandlingFeePaid)] == [5_000_000, 5_000_000]
    assert [each.fund_fen for each in await settlement.told(HandlingFeeReversed)] == [5_000_000]
    seen = (await settlement.get(f"{FEES}/{first}", settlement.token(Role.AUDITOR))).json()["fee"]
    assert (seen["status"], seen["bank_reference"], seen["return_reason"]) == ("returned", "HF-1", "户名不符")
    body = terms(row(1_000), reason="更正")
    refused = await settlement.post(f"{FEES}/{first}/correction", settlement.token(ENTRY), body)
    assert code(refused) == (409, "handling_fee.not_correctable")


async def test_a_fee_is_corrected_anew_when_its_correction_came_back(settlement: Running) -> None:
    wrong = (await entered(settlement, fee(row(1_000))))["fee_id"]
    await paid(settlement, wrong)
    correction = await corrected(settlement, wrong, 2_000)
    await paid(settlement, correction, "HF-2")
    await send_back(settlement, correction)
    assert await corrected(settlement, wrong, 3_000) != correction


async def test_a_fee_does_not_come_back_while_a_correction_holds_the_difference_to_it(settlement: Running) -> None:
    wrong = (await entered(settlement, fee(row(1_000))))["fee_id"]
    await paid(settlement, wrong)
    correction = await corrected(settlement, wrong, 2_000)
    refused = await send_back(settlement, wrong)
    assert (*code(refused), refused.json()["fee_id"]) == (409, "handling_fee.corrected", correction)
    await step(settlement, correction, "rejection", REVIEW, reason="已退汇")
    assert (await send_back(settlement, wrong)).status_code == 200


async def test_what_a_correction_took_back_was_no_transfer_of_the_bank(settlement: Running) -> None:
    wrong = (await entered(settlement, fee(row(2_000))))["fee_id"]
    await paid(settlement, wrong)
    less = await corrected(settlement, wrong, 1_000)
    await paid(settlement, less, "HF-2")
    assert code(await send_back(settlement, less)) == (409, "statement.nothing_transferred")


@pytest.mark.parametrize("day", ["2027-01-09", "2027-01-11"])
async def test_a_return_lies_between_the_payment_and_today(settlement: Running, day: str) -> None:
    made = (await entered(settlement))["fee_id"]
    await paid(settlement, made)
    assert code(await send_back(settlement, made, returned_on=day)) == (422, "input.invalid")
    assert not await settlement.told(HandlingFeeReversed)


async def test_only_a_paid_fee_comes_back_and_a_cashier_records_it(settlement: Running) -> None:
    made = (await entered(settlement))["fee_id"]
    assert code(await send_back(settlement, made)) == (409, "statement.wrong_status")
    await paid(settlement, made)
    body = {"bank_reference": "R-1", "returned_on": "2027-01-10", "reason": "户名不符"}
    assert (await step(settlement, made, "return", APPROVAL, **body)).status_code == 403
    decider = settlement.token(CASHIER, subject=f"{APPROVAL}@211100")
    assert code(await settlement.post(f"{FEES}/{made}/return", decider, body)) == (403, "post.not_separated")
