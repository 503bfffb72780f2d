"""A person under two records has one limit: merged, both are counted together and the exact difference is settled."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from changhu_common.events import Event
from changhu_common.events.care import ServiceCorrected
from changhu_common.events.enrollment import HospitalStayRecorded, PersonMerged, PersonUnmerged
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.usecases.recounting import Recounting

from services.settlement.tests.settlement_story import (
    POOL,
    Settlement,
    again,
    at,
    deployed,
    designated,
    graded,
    insured,
    prices,
    visit,
)
from tests.support.running import Deploy

LIMIT = 252_000
TWICE = {"LC12": 30}  # 3,000 yuan, of which the fund would pay 2,400


class Twofold(Settlement):
    """`person` and `record` are one person, cared for at two organisations within one month."""

    record: UUID
    second: UUID

    async def begin(self) -> None:
        self.record, self.second = new_id(), new_id()
        await self.hear(*self.home(), *self.of_record(), designated(self.second), prices(self.second))
        await self.hear(self.visit(at(3), TWICE), visit(self.record, self.second, at(10), TWICE))

    def of_record(self) -> Sequence[Event]:
        return insured(self.record), graded(self.record)

    def merged(self, revision: int = 2) -> PersonMerged:
        return PersonMerged(person_id=self.record, survivor_id=self.person, pool=POOL, revision=revision)

    async def fund_fen(self, month: str = "2026-07", person: UUID | None = None) -> int:
        return int((await self.month(month, person))["fund_fen"])

    @staticmethod
    def codes(month: dict[str, Any]) -> set[str]:
        return {finding["code"] for line in month["lines"] for finding in line["findings"]}

    async def paid_at(self, organisation: UUID, month: str) -> dict[str, Any]:
        self.organisation = organisation
        return await self.paid(month)


@pytest.fixture
async def twofold(deploy: Deploy) -> Twofold:
    settlement = await deployed(deploy)
    twofold = Twofold(settlement.running)
    await twofold.begin()
    return twofold


async def test_two_records_have_a_limit_each_until_they_are_known_to_be_one_person(twofold: Twofold) -> None:
    assert [await twofold.fund_fen(person=each) for each in (twofold.person, twofold.record)] == [240_000, 240_000]
    await twofold.hear(twofold.merged())
    month = await twofold.month()
    assert (month["fund_fen"], month["limit"]["left_fen"], len(month["lines"])) == (LIMIT, 0, 2)


async def test_the_next_statement_of_the_second_provider_takes_back_the_exact_excess(twofold: Twofold) -> None:
    first = twofold.organisation
    twofold.running.advance_to(at(3, month=8))
    paid = [await twofold.paid_at(each, "2026-07") for each in (first, twofold.second)]
    assert [each["fund_fen"] for each in paid] == [240_000, 240_000]
    await twofold.hear(twofold.merged(), visit(twofold.person, first, at(1, month=8)))
    twofold.running.advance_to(at(3, month=9))
    twofold.organisation = twofold.second
    closed = await twofold.close("2026-08")
    assert (closed.json()["fund_fen"], closed.json()["person_fen"]) == (LIMIT - 480_000, 480_000 - LIMIT)
    detail = await twofold.statement(closed.json()["statement_id"])
    (payment,) = detail["payments"]
    earlier = await twofold.statement(paid[1]["statement_id"])
    assert (payment["person_id"], payment["month"]) == (str(twofold.person), "2026-07")
    assert payment["corrects_payment_id"] == earlier["payments"][0]["payment_id"]
    # The first provider's month is as it was: nothing of it is booked back and forth.
    twofold.organisation = first
    assert {
        each["month"]
        for each in (await twofold.statement((await twofold.approved("2026-08"))["statement_id"]))["payments"]
    } == {"2026-08"}


async def test_taken_back_the_provider_gets_back_what_the_merge_took(twofold: Twofold) -> None:
    twofold.running.advance_to(at(3, month=8))
    await twofold.paid_at(twofold.second, "2026-07")
    await twofold.hear(twofold.merged(), visit(twofold.person, twofold.second, at(1, month=8)))
    twofold.running.advance_to(at(3, month=9))
    await twofold.approved("2026-08")
    await twofold.hear(again(PersonUnmerged, twofold.merged()), visit(twofold.person, twofold.second, at(1, month=9)))
    assert [await twofold.fund_fen(person=each) for each in (twofold.person, twofold.record)] == [240_000, 240_000]
    twofold.running.advance_to(at(3, month=10))
    statement = await twofold.approved("2026-09")
    assert statement["fund_fen"] == 480_000 - LIMIT + 8_000


async def test_what_is_told_of_the_merged_record_later_is_the_survivors(twofold: Twofold) -> None:
    await twofold.hear(twofold.merged())
    late = visit(twofold.record, twofold.second, at(1))
    await twofold.hear(late)
    assert len((await twofold.month())["lines"]) == 3
    await twofold.hear(again(ServiceCorrected, late, started_at=at(2)))
    assert len((await twofold.month())["lines"]) == 3


async def test_what_was_told_before_the_merge_is_known_is_the_survivors_too(twofold: Twofold) -> None:
    """The merge may come before everything that it is about."""
    other, survivor = new_id(), new_id()
    merged = PersonMerged(person_id=other, survivor_id=survivor, pool=POOL, revision=2)
    await twofold.hear(merged)
    await twofold.hear(visit(other, twofold.second, at(1)), graded(other))
    await twofold.hear(insured(survivor))
    assert await twofold.fund_fen(person=survivor) == 8_000


async def test_a_stay_of_the_one_record_is_known_of_what_was_given_under_the_other(twofold: Twofold) -> None:
    stay = HospitalStayRecorded(
        stay_id=new_id(), person_id=twofold.record, pool=POOL, revision=1, start=date(2026, 7, 1), end=date(2026, 7, 5)
    )
    await twofold.hear(stay)
    assert "in_hospital" not in twofold.codes(await twofold.month())
    await twofold.hear(twofold.merged())
    assert "in_hospital" in twofold.codes(await twofold.month())


async def test_whoever_asks_by_the_merged_record_is_told_of_the_survivor(twofold: Twofold) -> None:
    await twofold.hear(twofold.merged())
    month = await twofold.month(person=twofold.record)
    assert (month["person_id"], len(month["lines"])) == (str(twofold.person), 2)
    own = twofold.who(Role.INSURED_PERSON, person=twofold.record)
    seen = await twofold.running.get(f"/persons/{twofold.record}/months/2026-07", own)
    assert (seen.status_code, len(seen.json()["lines"])) == (200, 2)
    stranger = twofold.who(Role.INSURED_PERSON, person=new_id())
    assert (await twofold.running.get(f"/persons/{twofold.record}/months/2026-07", stranger)).status_code == 404


async def test_a_merge_of_merged_records_counts_all_of_them_together(twofold: Twofold) -> None:
    last = new_id()
    further = PersonMerged(person_id=twofold.person, survivor_id=last, pool=POOL, revision=2)
    await twofold.hear(further, insured(last))
    await twofold.hear(twofold.merged())
    assert await twofold.fund_fen(person=last) == LIMIT
    await twofold.hear(again(PersonUnmerged, further))
    assert await twofold.fund_fen(person=twofold.person) == LIMIT


async def test_told_twice_a_merge_changes_nothing_and_a_rebuild_finds_the_same(twofold: Twofold) -> None:
    await twofold.hear(twofold.merged())
    before = await twofold.month()
    await twofold.hear(twofold.merged(), twofold.merged())
    assert await twofold.month() == before
    assert (await Recounting(twofold.running.database).rebuild()).lines_changed == 0
