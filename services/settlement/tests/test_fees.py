"""An assessment fee is settled like care, beside it and never mixed with it, and is changed by exact differences."""

from datetime import date
from typing import Any

import pytest
from changhu_common.events.assessment import AssessmentFeeDue, AssessmentFeeVoided
from changhu_common.events.enrollment import PersonMerged
from changhu_common.events.settlement import PaymentSettled, StatementApproved, StatementPart
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.usecases.recounting import Recounting
from sqlalchemy import text

from services.settlement.tests.settlement_story import (
    COUNTY,
    POOL,
    Settlement,
    again,
    at,
    deployed,
    designated,
    fee,
    insured,
)
from tests.support.running import Deploy

AUGUST = at(2, month=8)
SEPTEMBER = at(2, month=9)


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    """A person, and an organisation that only assesses."""
    settlement = await deployed(deploy)
    assesses = designated(settlement.organisation, kind="assessment_organization", modes=())
    await settlement.hear(insured(settlement.person), assesses)
    settlement.running.advance_to(AUGUST)
    return settlement


def owed(settlement: Settlement, *amounts: int, **more: Any) -> Any:
    return fee(settlement.person, settlement.organisation, *amounts, **more)


async def settled(settlement: Settlement) -> list[tuple[str, str, int, int]]:
    told = await settlement.running.told(PaymentSettled)
    return [(each.kind, each.service_month, each.fund_fen, each.person_fen) for each in told]


async def test_a_fee_is_paid_in_the_assessing_organisations_statement(settlement: Settlement) -> None:
    await settlement.hear(owed(settlement))
    statement = await settlement.paid()
    assert (statement["cost_fen"], statement["fund_fen"], statement["person_fen"]) == (30_001, 30_001, 0)
    assert await settled(settlement) == [("assessment", "2026-07", 30_001, 0)]


async def test_the_persons_part_of_a_fee_is_not_the_funds_to_pay(settlement: Settlement) -> None:
    await settlement.hear(owed(settlement, 30_001, 15_001))
    await settlement.paid()
    assert await settled(settlement) == [("assessment", "2026-07", 15_001, 15_000)]


async def test_a_fees_line_says_its_cause_and_the_clause_that_shared_it(settlement: Settlement) -> None:
    told = owed(settlement)
    await settlement.hear(told)
    (line,) = (await settlement.month())["lines"]
    assert (line["fee_id"], line["item"], line["visit_id"]) == (str(told.fee_id), "first_passed", None)
    (finding,) = line["findings"]
    assert (finding["parameter"], finding["clause"]) == ("assessment.fee_fund_share", "六(一)3")


async def test_a_fee_uses_nothing_of_the_limit(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    before = (await settlement.month())["limit"]
    await settlement.hear(owed(settlement))
    assert (await settlement.month())["limit"] == before


async def test_the_budget_is_asked_for_fees_apart_from_care(settlement: Settlement) -> None:
    both = designated(settlement.organisation, agreement_id=new_id())
    await settlement.hear(*settlement.home(), both, settlement.visit(at(3)), owed(settlement))
    await settlement.approved()
    (approved,) = await settlement.running.told(StatementApproved)
    of_county = {"county": COUNTY, "category": "employee", "payments": 1}
    assert approved.parts == (
        StatementPart(kind="assessment", fund_fen=30_001, **of_county),
        StatementPart(kind="care", fund_fen=8_000, **of_county),
    )


async def test_who_assesses_and_cares_has_one_statement_with_a_payment_of_each_kind(settlement: Settlement) -> None:
    both = designated(settlement.organisation, agreement_id=new_id())
    await settlement.hear(*settlement.home(), both, settlement.visit(at(3)), owed(settlement))
    told = await settlement.statement((await settlement.paid())["statement_id"])
    assert {(each["kind"], each["fund_fen"]) for each in told["payments"]} == {("assessment", 30_001), ("care", 8_000)}
    assert told["statement"]["fund_fen"] == 38_001


async def test_a_fee_that_comes_to_something_else_is_an_exact_adjustment(settlement: Settlement) -> None:
    told = owed(settlement)
    await settlement.hear(told)
    await settlement.paid()
    (first,) = await settlement.running.told(PaymentSettled)
    shared = again(AssessmentFeeDue, told, cause="failed", fund_fen=10_000, person_fen=20_001)
    await settlement.hear(shared, owed(settlement, 50_000, assessed_on=date(2026, 8, 1)))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    _, *later = await settlement.running.told(PaymentSettled)
    assert {(each.service_month, each.fund_fen, each.corrects_payment_id) for each in later} == {
        ("2026-07", -20_001, first.payment_id),
        ("2026-08", 50_000, None),
    }


async def test_a_fee_never_corrects_a_payment_for_care(settlement: Settlement) -> None:
    both = designated(settlement.organisation, agreement_id=new_id())
    await settlement.hear(*settlement.home(), both, settlement.visit(at(3)))
    await settlement.paid()
    await settlement.hear(owed(settlement))
    settlement.running.advance_to(SEPTEMBER)
    await settlement.paid("2026-08")
    late = (await settlement.running.told(PaymentSettled))[-1]
    assert (late.kind, late.service_month, late.corrects_payment_id) == ("assessment", "2026-07", None)


async def test_a_void_fee_is_taken_back_and_told_twice_is_nothing_new(settlement: Settlement) -> None:
    told = owed(settlement)
    void = again(AssessmentFeeVoided, told)
    await settlement.hear(void, told, void)
    assert (await settlement.close()).json()["code"] == "statement.empty"


async def test_a_fee_that_is_another_organisations_is_taken_back_from_the_first(settlement: Settlement) -> None:
    first, second = settlement.organisation, new_id()
    told = owed(settlement)
    await settlement.hear(told)
    await settlement.paid()
    assesses = designated(second, kind="assessment_organization", modes=())
    await settlement.hear(assesses, again(AssessmentFeeDue, told, organization_id=second))
    settlement.running.advance_to(SEPTEMBER)
    assert (await settlement.approved("2026-08"))["fund_fen"] == -30_001
    settlement.organisation = second
    assert (await settlement.approved("2026-08"))["fund_fen"] == 30_001
    assert first != second


async def test_a_fee_that_comes_before_its_person_waits_for_its_category(settlement: Settlement) -> None:
    stranger = new_id()
    await settlement.hear(fee(stranger, settlement.organisation), insured(stranger, category="resident"))
    await settlement.paid()
    (told,) = await settlement.running.told(PaymentSettled)
    assert told.category == "resident"


async def test_a_fee_of_a_merged_record_is_the_survivors(settlement: Settlement) -> None:
    record = new_id()
    merged = PersonMerged(person_id=record, survivor_id=settlement.person, pool=POOL, revision=2)
    await settlement.hear(insured(record), fee(record, settlement.organisation), merged)
    assert (await settlement.month())["fund_fen"] == 30_001


@pytest.mark.parametrize(
    "said", [{"person_fen": 1}, {"fund_fen": 30_002, "person_fen": -1}, {"fund_fen": -1, "person_fen": 30_002}]
)
async def test_a_fee_that_is_not_shared_between_the_fund_and_the_person_is_parked(
    settlement: Settlement, said: dict[str, int]
) -> None:
    await settlement.hear(owed(settlement), owed(settlement, **said))
    assert (await settlement.month())["fund_fen"] == 30_001
    (parked,) = (await settlement.running.get("/dead-letters", settlement.who(Role.OPERATOR))).json()
    assert "InvalidInput: 评估费须由基金和个人分担" in parked["error"]


async def test_whoever_has_nothing_but_a_fee_is_counted_again_from_the_facts_too(settlement: Settlement) -> None:
    await settlement.hear(owed(settlement))
    async with settlement.running.database.engine.begin() as connection:
        await connection.execute(text("UPDATE line SET fingerprint = ''"))
    rebuilt = await Recounting(settlement.running.database).rebuild()
    assert (rebuilt.persons, rebuilt.lines_changed) == (1, 1)


async def test_an_assessment_organisation_sees_its_own_month(settlement: Settlement) -> None:
    await settlement.hear(owed(settlement))
    who = settlement.who(Role.PROVIDER_STAFF, organisation=settlement.organisation)
    answer = await settlement.running.get(f"/organizations/{settlement.organisation}/months/2026-07", who)
    assert answer.json()["fund_fen"] == 30_001
