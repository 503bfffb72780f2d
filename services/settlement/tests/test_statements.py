"""A month becomes a statement, and a statement a payment, once each and by four people."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from changhu_common.bus.port import Message
from changhu_common.database import Actor
from changhu_common.events.care import ServiceVoided
from changhu_common.events.provider import ProviderResumed
from changhu_common.events.settlement import PaymentSettled, StatementApproved, StatementRejected
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.storage.accounts import ask_recount
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.settlement.tests.settlement_story import (
    APPROVAL,
    CASHIER,
    COUNTY,
    ENTRY,
    POOL,
    REVIEW,
    Settlement,
    again,
    at,
    deployed,
    designated,
    insured,
)
from tests.support.running import Deploy

AUGUST = at(2, month=8)
SEPTEMBER = at(2, month=9)


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


async def counted(settlement: Settlement, *more: Any) -> None:
    """A July with one visit of 100 yuan, and August has begun."""
    await settlement.hear(*settlement.home(), settlement.visit(at(3)), *more)
    settlement.running.advance_to(AUGUST)


async def settled_fen(settlement: Settlement) -> list[int]:
    return [each.fund_fen for each in await settlement.running.told(PaymentSettled)]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_statement_shows_its_lines_adjustments_and_clauses(settlement: Settlement) -> None:
    await counted(settlement)
    told = await settlement.statement((await settlement.close()).json()["statement_id"])
    (payment,) = told["payments"]
    (line,) = payment["lines"]
    assert (line["cost_fen"], line["fund_fen"], line["findings"][0]["code"]) == (10_000, 8_000, "paid_by_ratio")
    assert told["adjustments"] == []
    assert {(each["clause"], each["status"], each["lines"]) for each in told["clauses"]} == {("二(六)3", "stated", 1)}


async def test_a_month_that_is_not_over_cannot_be_closed(settlement: Settlement) -> None:
    await counted(settlement)
    assert code_of(await settlement.close("2026-08")) == (422, "statement.month_not_over")


async def test_a_month_is_closed_once(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    again = await settlement.close()
    assert code_of(again) == (409, "statement.exists")
    assert again.json()["statement_id"] == statement_id


async def test_two_who_close_at_once_make_one_statement(settlement: Settlement) -> None:
    await counted(settlement)
    answers = await asyncio.gather(*(settlement.close() for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]


async def test_nothing_is_closed_while_facts_are_on_the_way(settlement: Settlement) -> None:
    await counted(settlement)
    settlement.lag["care.service"] = 3
    refused = await settlement.close()
    assert code_of(refused) == (409, "statement.facts_on_the_way")
    assert refused.json()["lag"]["care.service"] == 3
    settlement.lag["care.service"] = 0
    assert (await settlement.close()).status_code == 201


async def test_nothing_is_closed_while_an_event_is_parked(settlement: Settlement) -> None:
    await counted(settlement)
    await settlement.hear(Message("care.service", "x", {"ce_type": "service.delivered.v9", "ce_id": "1"}, b"{}"))
    refused = await settlement.close()
    assert (*code_of(refused), refused.json()["parked"]) == (409, "statement.facts_on_the_way", 1)


async def test_nothing_is_closed_while_somebody_waits_to_be_counted_again(settlement: Settlement) -> None:
    await counted(settlement)
    async with settlement.running.database.change(Actor("test", "test")) as transaction:
        await ask_recount(transaction.connection, [settlement.person])
    refused = await settlement.close()
    assert (*code_of(refused), refused.json()["recounts"]) == (409, "statement.facts_on_the_way", 1)


async def test_an_undecided_line_blocks_the_statement(settlement: Settlement) -> None:
    await counted(settlement, settlement.visit(at(4), mode="community"))
    await settlement.hear(again(ProviderResumed, designated(settlement.organisation), modes=("home", "community")))
    refused = await settlement.close()
    assert (*code_of(refused), refused.json()["lines"]) == (409, "statement.undecided", 2)


async def test_a_month_without_anything_new_is_not_closed(settlement: Settlement) -> None:
    await counted(settlement)
    await settlement.paid()
    settlement.running.advance_to(SEPTEMBER)
    assert code_of(await settlement.close("2026-08")) == (422, "statement.empty")


async def test_entry_review_approval_and_payment_are_four_people(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]

    async def step(step: str, role: Role, subject: str, **body: Any) -> tuple[int, str]:
        who = settlement.who(role, subject=subject)
        answer = await settlement.running.post(f"/statements/{statement_id}/{step}", who, body)
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    enterer = f"{ENTRY}@211100"
    assert await step("review", REVIEW, enterer) == (403, "post.not_separated")
    assert await step("review", REVIEW, "reviewer") == (200, "reviewed")
    assert await step("approval", APPROVAL, "reviewer") == (403, "post.not_separated")
    assert await step("approval", APPROVAL, enterer) == (403, "post.not_separated")
    assert await step("approval", APPROVAL, "approver") == (200, "approved")
    await settlement.budget(statement_id)
    bank = {"bank_reference": "B1", "paid_on": "2026-08-02", "transfer_fen": 8_000}
    assert await step("payment", CASHIER, "approver", **bank) == (403, "post.not_separated")
    assert await step("payment", CASHIER, "cashier", **bank) == (200, "paid")


async def test_a_step_out_of_order_is_refused(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    assert code_of(await settlement.step(statement_id, "approval", APPROVAL)) == (409, "statement.wrong_status")
    assert code_of(await settlement.pay(statement_id)) == (409, "statement.wrong_status")
    assert await settled_fen(settlement) == []


async def test_of_an_approval_and_a_rejection_at_once_one_holds(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    await settlement.step(statement_id, "review", REVIEW)
    answers = await asyncio.gather(
        *(settlement.step(statement_id, "approval", APPROVAL) for _ in range(3)),
        *(settlement.step(statement_id, "rejection", APPROVAL, reason="价格有误") for _ in range(3)),
    )
    # Whoever approved does not send it back (403), and what was sent back is not approved (409).
    assert [each.status_code for each in answers if each.status_code not in (403, 409)] == [200]
    assert len(await settlement.running.told(StatementApproved, StatementRejected)) == 1


async def test_a_statement_is_paid_once(settlement: Settlement) -> None:
    await counted(settlement)
    statement = await settlement.approved()
    answers = await asyncio.gather(*(settlement.pay(statement["statement_id"], f"B{n}") for n in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert await settled_fen(settlement) == [8_000]


@pytest.mark.parametrize("paid_on", ["2026-08-03", "1926-08-01"])
async def test_a_payment_lies_neither_in_the_future_nor_in_another_century(
    settlement: Settlement, paid_on: str
) -> None:
    await counted(settlement)
    statement = await settlement.approved()
    body = {"bank_reference": "B1", "paid_on": paid_on, "transfer_fen": 8_000}
    refused = await settlement.step(statement["statement_id"], "payment", CASHIER, **body)
    assert (*code_of(refused), refused.json()["errors"][0]["field"]) == (422, "input.invalid", "paid_on")


async def test_a_rejected_statement_frees_its_lines(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    rejected = await settlement.step(statement_id, "rejection", REVIEW, reason="价格有误")
    assert rejected.json()["status"] == "rejected"
    assert [each.statement_id for each in await settlement.running.told(StatementRejected)] == [UUID(statement_id)]
    closed = await settlement.close()
    assert (closed.status_code, closed.json()["fund_fen"]) == (201, 8_000)


async def test_a_statement_that_a_later_one_leans_on_is_not_rejected(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    await settlement.hear(settlement.visit(at(1, month=8)))
    settlement.running.advance_to(SEPTEMBER)
    assert (await settlement.close("2026-08")).status_code == 201
    refused = await settlement.step(statement_id, "rejection", REVIEW, reason="重做")
    assert code_of(refused) == (409, "statement.later_exists")


async def test_statements_of_an_organisation_are_approved_in_order(settlement: Settlement) -> None:
    await counted(settlement)
    first = (await settlement.close()).json()["statement_id"]
    await settlement.hear(settlement.visit(at(1, month=8)))
    settlement.running.advance_to(SEPTEMBER)
    second = (await settlement.close("2026-08")).json()["statement_id"]
    await settlement.step(second, "review", REVIEW)
    refused = await settlement.step(second, "approval", APPROVAL)
    assert (*code_of(refused), refused.json()["statement_id"]) == (409, "statement.earlier_open", first)


async def test_what_an_organisation_owes_is_carried_and_offset_in_one_transfer(settlement: Settlement) -> None:
    july = settlement.visit(at(3))
    await counted(settlement, july)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(SEPTEMBER)
    owed = await settlement.approved("2026-08")
    assert (owed["fund_fen"], owed["to_recover"], owed["adjustments"]) == (-8_000, True, 1)
    refused = await settlement.pay(owed["statement_id"])
    assert (*code_of(refused), refused.json()["carried_fen"]) == (409, "statement.to_recover", -8_000)
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(at(2, month=10))
    due = await settlement.approved("2026-09")
    paid = (await settlement.pay(due["statement_id"], "B2")).json()
    assert (paid["transfer_fen"], paid["settled"]) == (8_000, [owed["statement_id"], due["statement_id"]])
    assert sorted((await settled_fen(settlement))[1:]) == [-8_000, 16_000]


async def owed_after_a_transfer(settlement: Settlement) -> tuple[str, str]:
    """What was due in September (160 yuan), and what the organisation owes of July since October (80 yuan)."""
    july = settlement.visit(at(3))
    await counted(settlement, july)
    await settlement.paid()
    await settlement.hear(settlement.visit(at(3, month=8), {"LC12": 2}))
    settlement.running.advance_to(SEPTEMBER)
    due = await settlement.approved("2026-08")
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(at(2, month=10))
    owed = await settlement.approved("2026-09")
    assert (due["fund_fen"], owed["fund_fen"]) == (16_000, -8_000)
    return due["statement_id"], owed["statement_id"]


async def test_a_transfer_settles_nothing_that_was_approved_after_its_day(settlement: Settlement) -> None:
    due, owed = await owed_after_a_transfer(settlement)
    bank = {"bank_reference": "B2", "paid_on": "2026-09-02", "transfer_fen": 16_000}
    paid = await settlement.step(due, "payment", CASHIER, **bank)
    assert (paid.status_code, paid.json()["settled"], paid.json()["transfer_fen"]) == (200, [due], 16_000)
    assert (await settlement.statement(owed))["statement"]["status"] == "approved"


async def test_a_payment_of_another_amount_than_the_bank_moved_is_refused(settlement: Settlement) -> None:
    due, _ = await owed_after_a_transfer(settlement)
    bank = {"bank_reference": "B2", "paid_on": "2026-10-02", "transfer_fen": 16_000}
    refused = await settlement.step(due, "payment", CASHIER, **bank)
    assert code_of(refused) == (409, "statement.transfer_differs")
    assert (refused.json()["moved_fen"], refused.json()["transfer_fen"]) == (16_000, 8_000)
    assert (await settlement.statement(due))["statement"]["status"] == "approved"


async def test_who_moves_takes_no_old_bill_along(settlement: Settlement) -> None:
    await counted(settlement)
    await settlement.paid()
    await settlement.hear(
        insured(settlement.person, revision=2, county="211122"),
        settlement.visit(at(4)),
        settlement.visit(at(1, month=8)),
    )
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    told = [(each.service_month, each.county, each.fund_fen) for each in await settlement.running.told(PaymentSettled)]
    assert sorted(told[1:]) == [("2026-07", "211122", 8_000), ("2026-08", "211122", 8_000)]
    assert told[0] == ("2026-07", COUNTY, 8_000)


async def test_fund_money_follows_a_corrected_category(settlement: Settlement) -> None:
    await counted(settlement)
    await settlement.paid()
    await settlement.hear(insured(settlement.person, revision=2, category="retiree"))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    _, *told = [(each.category, each.fund_fen) for each in await settlement.running.told(PaymentSettled)]
    assert sorted(told) == [("employee", -8_000), ("retiree", 8_000)]


async def test_the_database_refuses_a_statement_that_does_not_add_up(settlement: Settlement) -> None:
    await counted(settlement)
    await settlement.close()
    engine = settlement.running.database.engine
    with pytest.raises(IntegrityError, match="do not add up"):
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO statement (id, organization_id, pool, county, month, status, cost_fen, fund_fen,"
                    " person_fen, payments, adjustments, pack_version) SELECT gen_random_uuid(), organization_id,"
                    " pool, county, '2026-06', status, 5, 5, 0, payments, 0, 'v' FROM statement"
                )
            )
    for statement in (
        "UPDATE statement SET fund_fen = 1",
        "DELETE FROM payment",
        "UPDATE statement_line SET item = ''",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with engine.begin() as connection:
                await connection.execute(text(statement))


async def test_the_same_request_sent_again_gets_its_first_answer(settlement: Settlement) -> None:
    await counted(settlement)
    first = await settlement.close(key="k1")
    settlement.lag["care.service"] = 9
    assert (await settlement.close(key="k1")).json() == first.json()
    assert code_of(await settlement.close("2026-06", key="k1")) == (422, "idempotency.key_reused")


async def test_a_change_needs_an_idempotency_key(settlement: Settlement) -> None:
    await counted(settlement)
    body = {"organization_id": str(settlement.organisation), "month": "2026-07"}
    answer = await settlement.running.client.post("/statements", headers=settlement.who(ENTRY), json=body)
    assert code_of(answer) == (400, "idempotency.key_missing")


@pytest.mark.parametrize("month", ["2026-7", "202607", "2026-13", "x"])
async def test_a_month_is_written_as_2026_07(settlement: Settlement, month: str) -> None:
    assert code_of(await settlement.close(month)) == (422, "input.invalid")


async def test_who_may_do_and_see_what(settlement: Settlement) -> None:
    await counted(settlement)
    statement_id = (await settlement.close()).json()["statement_id"]
    running, other = settlement.running, new_id()
    person, statement, month = (
        f"/persons/{settlement.person}/months/2026-07",
        f"/statements/{statement_id}",
        f"/organizations/{settlement.organisation}/months/2026-07",
    )
    staff = {"organisation": settlement.organisation}
    asked = [
        (person, {}, 401),
        (person, settlement.who(CASHIER), 403),
        (person, settlement.who(Role.AUDITOR, region="211122"), 404),
        (person, settlement.who(Role.AUDITOR), 200),
        (person, settlement.who(Role.INSURED_PERSON, person=settlement.person), 200),
        (person, settlement.who(Role.INSURED_PERSON, person=other), 404),
        (person, settlement.who(Role.INSURED_PERSON, wards=[settlement.person]), 200),
        (statement, settlement.who(Role.PROVIDER_STAFF, **staff), 200),
        (statement, settlement.who(Role.PROVIDER_STAFF, organisation=other), 404),
        (statement, settlement.who(Role.INSURED_PERSON, person=settlement.person), 403),
        (statement, settlement.who(Role.AUDITOR, region="330300"), 404),
        (month, settlement.who(Role.PROVIDER_STAFF, **staff), 200),
        (month, settlement.who(Role.PROVIDER_STAFF, organisation=other), 404),
        (month, settlement.who(ENTRY, region=COUNTY), 200),
    ]
    assert [(await running.get(path, who)).status_code for path, who, _ in asked] == [each[2] for each in asked]
    refused = await running.post(f"{statement}/review", settlement.who(REVIEW, region="211122"), {})
    assert refused.status_code == 404
    assert (await running.post(f"{statement}/review", settlement.who(ENTRY), {})).status_code == 403
    listed = await running.get("/statements", settlement.who(Role.PROVIDER_STAFF, **staff), pool=POOL, month="2026-07")
    assert [each["statement_id"] for each in listed.json()] == [statement_id]
    assert (await running.get("/statements", settlement.who(Role.AUDITOR, region="330300"))).json() == []


async def test_an_organisations_month_is_summed_by_person(settlement: Settlement) -> None:
    await counted(settlement)
    told = await settlement.running.get(
        f"/organizations/{settlement.organisation}/months/2026-07", settlement.who(Role.AUDITOR)
    )
    assert (told.json()["fund_fen"], told.json()["statement_id"]) == (8_000, None)
    (person,) = told.json()["persons"]
    assert (person["person_id"], person["lines"], person["person_fen"]) == (str(settlement.person), 1, 2_000)


async def test_the_lag_is_that_of_the_services_own_group(settlement: Settlement) -> None:
    await counted(settlement)
    settlement.lag["care.service"] = 2
    refused = (await settlement.close()).json()
    assert settlement.running.bus.group == "settlement"
    assert (refused["code"], refused["lag"]["care.service"]) == ("statement.facts_on_the_way", 2)
    assert set(refused["lag"]) == {
        "enrollment.person", "assessment.conclusion", "provider.organization", "care.service", "policy.value"
    }  # fmt: skip
