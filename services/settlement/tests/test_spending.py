"""What was paid is summed by what it was paid for, and only what banks confirmed in the days that are asked for."""

from datetime import date
from typing import Any

import pytest
from changhu_common.events.assessment import AssessmentPublished, AssessmentRevoked
from changhu_common.events.enrollment import PersonMerged
from changhu_common.ids import new_id
from settlement.usecases.spending import Spending, Spent

from services.settlement.tests.settlement_story import POOL, Settlement, again, at, deployed
from tests.support.running import Deploy

AUGUST = at(2, month=8)
YEAR = {"since": date(2026, 1, 1), "until": date(2026, 12, 31)}


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    return await deployed(deploy)


@pytest.fixture
async def paid(settlement: Settlement) -> Settlement:
    await settlement.hear(
        *settlement.home(),
        settlement.visit(at(3), {"LC12": 2, "LC01": 1}),
        settlement.visit(at(4), {"LC12": 1}, mode="institution"),
    )
    settlement.running.advance_to(AUGUST)
    await settlement.paid()
    return settlement


async def asked(settlement: Settlement, *, pool: str = POOL, **days: date) -> list[Spent]:
    return list(await Spending(settlement.running.database).settled(pool=pool, **{**YEAR, **days}))


async def test_payments_are_summed_by_category_grade_and_mode(paid: Settlement) -> None:
    kind: dict[str, Any] = {
        "category": "employee",
        "scale": "national-2021",
        "grade": 5,
        "first_paid_on": date(2026, 8, 2),
    }
    assert await asked(paid) == [
        Spent(mode="home", fund_fen=17_600, **kind),  # 80 % of 220 yuan
        Spent(mode="institution", fund_fen=7_000, **kind),  # 70 % of 100
    ]


async def test_only_what_was_paid_in_the_days_counts(paid: Settlement) -> None:
    assert not await asked(paid, since=date(2026, 8, 3))
    assert not await asked(paid, until=date(2026, 8, 1))
    assert not await asked(paid, pool="330300")


async def test_a_month_that_nobody_paid_yet_does_not_count(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    assert not await asked(settlement)


async def test_money_is_not_lost_with_the_conclusion_that_it_was_paid_for(settlement: Settlement) -> None:
    home = settlement.home()
    (conclusion,) = (each for each in home if isinstance(each, AssessmentPublished))
    await settlement.hear(*home, settlement.visit(at(3)))
    settlement.running.advance_to(AUGUST)
    await settlement.paid()
    await settlement.hear(again(AssessmentRevoked, conclusion))
    (spent,) = await asked(settlement)
    assert (spent.grade, spent.fund_fen) == (None, 8_000)


async def test_what_was_paid_under_a_merged_record_counts_by_the_survivors_grade(paid: Settlement) -> None:
    before = await asked(paid)
    survivor = new_id()
    await paid.hear(PersonMerged(person_id=paid.person, survivor_id=survivor, pool=POOL, revision=2))
    assert await asked(paid) == before
