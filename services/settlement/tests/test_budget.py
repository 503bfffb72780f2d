"""An approved statement waits until the fund's budget bears it, and says what it waits for."""

from typing import Any

import pytest
from changhu_common.events.budget import BudgetExceeded, BudgetReleased, BudgetReserved, BudgetShortfall
from changhu_common.events.care import ServiceVoided
from changhu_common.events.settlement import PaymentSettled, StatementApproved, StatementRejected
from changhu_common.roles import Role

from services.settlement.tests.settlement_story import (
    APPROVAL,
    COUNTY,
    Settlement,
    again,
    at,
    deployed,
    insured,
)
from tests.support.running import Deploy

AUGUST, SEPTEMBER = at(2, month=8), at(2, month=9)
SHORT = (BudgetShortfall(account="5001", county=COUNTY, scheme="employees", asked_fen=8_000, free_fen=500),)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    """A July with one visit that the fund pays 80 yuan of, and August has begun."""
    settlement = await deployed(deploy)
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    return settlement


async def standing(settlement: Settlement, statement_id: str) -> dict[str, Any]:
    told: dict[str, Any] = (await settlement.statement(statement_id))["statement"]["budget"]
    return told


async def test_an_approval_asks_the_budget_by_county_and_category(settlement: Settlement) -> None:
    await settlement.approved(reserved=False)
    (told,) = await settlement.running.told(StatementApproved)
    (part,) = told.parts
    assert (part.county, part.category, part.fund_fen, part.payments) == (COUNTY, "employee", 8_000, 1)


async def test_an_adjustment_asks_for_each_county_and_category_apart(settlement: Settlement) -> None:
    await settlement.paid()
    await settlement.hear(insured(settlement.person, revision=2, category="retiree"))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.approved("2026-08", reserved=False)
    _, told = await settlement.running.told(StatementApproved)
    assert {(each.category, each.fund_fen, each.payments) for each in told.parts} == {
        ("employee", -8_000, 1),
        ("retiree", 8_000, 1),
    }


async def test_nothing_is_paid_before_the_budget_answers(settlement: Settlement) -> None:
    statement_id = (await settlement.approved(reserved=False))["statement_id"]
    refused = await settlement.pay(statement_id)
    assert (refused.status_code, refused.json()["code"], refused.json()["budget"]) == (
        409, "statement.awaits_budget", "asked",
    )  # fmt: skip
    assert (await standing(settlement, statement_id))["text"] == "等待基金预算占用，请稍后刷新。"
    await settlement.budget(statement_id)
    assert (await settlement.pay(statement_id)).status_code == 200
    assert len(await settlement.running.told(PaymentSettled)) == 1


async def test_a_statement_beyond_the_budget_says_what_is_short_and_what_to_do(settlement: Settlement) -> None:
    statement_id = (await settlement.approved(reserved=False))["statement_id"]
    await settlement.budget(statement_id, BudgetExceeded, short=SHORT)
    refused = (await settlement.pay(statement_id)).json()
    assert (refused["code"], refused["budget"]) == ("statement.awaits_budget", "exceeded")
    assert refused["detail"] == (
        "超出基金预算：社会保险待遇支出（双台子区、职工）需要 80.00 元，预算可用 5.00 元。"
        "须由两名会计放行，或调整预算后才能拨付；也可以退回本单。"
    )
    listed = await settlement.running.get("/statements", settlement.who(Role.CASHIER), budget="exceeded")
    assert [each["statement_id"] for each in listed.json()] == [statement_id]
    await settlement.budget(statement_id, revision=2, basis="let_through")
    assert "放行" in (await standing(settlement, statement_id))["text"]
    assert (await settlement.pay(statement_id)).status_code == 200


async def test_an_answer_that_arrives_late_does_not_undo_a_later_one(settlement: Settlement) -> None:
    statement_id = (await settlement.approved(reserved=False))["statement_id"]
    await settlement.budget(statement_id, revision=2)
    await settlement.budget(statement_id, BudgetExceeded, short=SHORT)
    assert (await standing(settlement, statement_id))["state"] == "reserved"


async def test_a_warning_is_shown_with_the_reservation(settlement: Settlement) -> None:
    statement_id = (await settlement.approved(reserved=False))["statement_id"]
    await settlement.budget(statement_id, BudgetReserved, warned=True)
    assert "预警" in (await standing(settlement, statement_id))["text"]


@pytest.mark.parametrize("answer", [BudgetExceeded, BudgetReserved])
async def test_an_approved_statement_may_be_sent_back_whatever_the_budget_answered(
    settlement: Settlement, answer: type[BudgetExceeded | BudgetReserved]
) -> None:
    statement_id = (await settlement.approved(reserved=False))["statement_id"]
    await settlement.budget(statement_id, answer, **({"short": SHORT} if answer is BudgetExceeded else {}))
    own = await settlement.running.post(
        f"/statements/{statement_id}/rejection", settlement.who(APPROVAL), {"reason": "无预算"}
    )
    assert own.json()["code"] == "post.not_separated"
    who = settlement.who(APPROVAL, subject="another")
    sent = await settlement.running.post(f"/statements/{statement_id}/rejection", who, {"reason": "无预算"})
    assert (sent.json()["status"], sent.json()["budget"]) == ("rejected", None)
    assert len(await settlement.running.told(StatementRejected)) == 1
    await settlement.budget(statement_id, BudgetReleased, revision=2, reason="rejected")
    assert (await settlement.close()).status_code == 201


async def test_what_is_settled_together_waits_for_the_budget_of_each(settlement: Settlement) -> None:
    july = settlement.visit(at(5))
    await settlement.hear(july)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(SEPTEMBER)
    owed = await settlement.approved("2026-08", reserved=False)
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(at(2, month=10))
    due = await settlement.approved("2026-09")
    refused = await settlement.pay(due["statement_id"], "B2")
    assert (refused.json()["code"], refused.json()["statement_id"]) == ("statement.awaits_budget", owed["statement_id"])
    await settlement.budget(owed["statement_id"])
    assert (await settlement.pay(due["statement_id"], "B2")).json()["transfer_fen"] == 8_000


async def test_an_answer_about_a_statement_of_nobody_changes_nothing(settlement: Settlement) -> None:
    await settlement.budget("01890000-0000-7000-8000-000000000000")
    assert (await settlement.running.get("/statements", settlement.who(Role.AUDITOR))).json() == []
