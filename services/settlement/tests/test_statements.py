"""A month becomes a statement, and a statement a payment, once each and by four people."""

import pytest
from changhu_common.events.settlement import PaymentSettled, StatementApproved

from services.settlement.tests.settlement_story import Settlement, at, deployed
from tests.support.running import Deploy

AUGUST = at(2, month=8)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    return await deployed(deploy)


async def test_a_month_of_visits_is_settled_and_told(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3), {"LC12": 2, "LC01": 1}))
    settlement.running.advance_to(AUGUST)
    statement = await settlement.paid()
    assert (statement["cost_fen"], statement["fund_fen"], statement["person_fen"]) == (22_000, 17_600, 4_400)
    (settled,) = await settlement.running.told(PaymentSettled)
    assert (settled.fund_fen, settled.service_month, settled.category) == (17_600, "2026-07", "employee")
    assert settled.corrects_payment_id is None
    (approved,) = await settlement.running.told(StatementApproved)
    assert approved.fund_fen == 17_600


async def test_a_fact_learned_late_is_an_exact_adjustment_in_the_next_statement(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    await settlement.paid()
    (first,) = await settlement.running.told(PaymentSettled)
    await settlement.hear(settlement.visit(at(4), {"LC01": 3}), settlement.visit(at(1, month=8)))
    settlement.running.advance_to(at(2, month=9))
    statement = await settlement.paid("2026-08")
    assert (statement["payments"], statement["adjustments"]) == (2, 1)
    _, *later = await settlement.running.told(PaymentSettled)
    assert {(each.service_month, each.fund_fen, each.corrects_payment_id) for each in later} == {
        ("2026-07", 4_800, first.payment_id),
        ("2026-08", 8_000, None),
    }
