"""A person registered twice is cared for at two providers beyond one limit, until the two records are merged."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Role
from changhu_standalone.story.cast import at
from changhu_standalone.story.office import Desk

from tests.scenarios.care_of_a_person import CareOfAPerson
from tests.scenarios.cities import Cities

POOL, COUNTY = "211100", "211102"
LIMIT = 252_000
# One visit, of which the fund pays 80 % within the limit.
PRICE, PAID = 300_000, 240_000


@dataclass
class CareUnderARecord(CareOfAPerson):
    """The care of one of the person's records: by a provider, staff and assessors of its own."""

    record: str = ""

    async def _organisation(self, kind: str, name: str, modes: list[str]) -> UUID:
        return await super()._organisation(kind, f"{name}{self.record}", modes)

    async def _staff(self, organisation: UUID, kind: str, number: int) -> tuple[UUID, Desk]:
        return await super()._staff(organisation, kind, number * 100 + int(self.record))


async def merge(cities: Cities, *, survivor: str, merged: str) -> None:
    """One clerk finds the pair and enters the merge, another approves it."""
    clerk, other = (cities.desk(POOL, Role.ENROLLMENT_CLERK, number) for number in (1, 2))
    found = await cities.office.get("enrollment", "/merge-candidates", clerk, pool=POOL)
    (pair,) = found["candidates"]
    assert {each["person_id"] for each in pair["records"]} == {survivor, merged}
    body = {"survivor_id": survivor, "merged_id": merged, "reason": "号码录入有误，重复登记"}
    entered = await cities.office.post("enrollment", "/merges", body, clerk)
    (obstacle,) = entered["preview"]["obstacles"]
    assert obstacle["code"] == "coverage.overlaps"
    (coverage,) = entered["preview"]["merged"]["coverage"]
    path = f"/persons/{merged}/coverage/{coverage['coverage_id']}/void"
    await cities.office.post("enrollment", path, {"reason": "重复参保"}, clerk)
    await cities.office.post("enrollment", f"/merges/{entered['merge_id']}/approval", {}, other)
    await cities.office.quiet()


async def statement(cities: Cities, closed: dict[str, Any]) -> dict[str, Any]:
    path = f"/statements/{closed['statement_id']}"
    told: dict[str, Any] = await cities.office.get("settlement", path, cities.desk(POOL, Role.AUDITOR))
    return told


async def test_the_next_statement_carries_exactly_what_two_limits_paid_too_much(cities: Cities) -> None:
    await cities.supply(POOL, "assessment.publicity_days", 7, **{"from": "2026-09-01"})
    income = {"from": "2026-01-01", "to": "2026-12-31"}
    await cities.supply(POOL, "city_resident_disposable_income", 4_320_000, **income)
    # The same name, birth day and sex; the second number was mistyped.
    records = [await cities.enrol(POOL, COUNTY, "employee", base_fen=543_210, serial=serial) for serial in (1, 3)]
    cares = [
        CareUnderARecord(cities.office, cities.clock, POOL, COUNTY, each, "home", record=str(number))
        for number, each in enumerate(records, 1)
    ]
    await cities.office.quiet()
    for care in cares:
        await care.assess(grade=5)
    cities.clock.advance_to(at(date(2026, 11, 20), 9))
    await cares[0].publish()

    # January: each record has a limit of its own, and two statements are paid.
    cities.clock.advance_to(at(date(2027, 1, 12), 20))
    providers = [
        await care.visited(at(date(2027, 1, 12), hour), item="LC12", price_fen=PRICE)
        for care, hour in zip(cares, (9, 15), strict=True)
    ]
    cities.clock.advance_to(at(date(2027, 2, 8), 9))
    paid = [
        await care.settled(provider, "2027-01", paid_on=date(2027, 2, 8))
        for care, provider in zip(cares, providers, strict=True)
    ]
    assert [each["fund_fen"] for each in paid] == [PAID, PAID]
    assert await cities.booked_fen(POOL, "5") == 2 * PAID

    survivor, merged = records
    await merge(cities, survivor=survivor, merged=merged)
    january = await cares[0].month("2027-01")
    assert (january["fund_fen"], january["limit"]["left_fen"], len(january["lines"])) == (LIMIT, 0, 2)

    # The merged record's provider owes exactly what was paid beyond the person's one limit.
    cities.clock.advance_to(at(date(2027, 3, 8), 9))
    entry = cities.desk(POOL, Role.SETTLEMENT_ENTRY)
    body = {"organization_id": providers[1], "month": "2027-02"}
    closed = await cities.office.post("settlement", "/statements", body, entry)
    assert closed["fund_fen"] == LIMIT - 2 * PAID
    (correction,) = (await statement(cities, closed))["payments"]
    (first,) = (await statement(cities, paid[1]))["payments"]
    assert (correction["corrects_payment_id"], correction["month"]) == (first["payment_id"], "2027-01")
    assert correction["person_id"] == survivor
