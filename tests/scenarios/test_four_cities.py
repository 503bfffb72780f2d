"""Four cities in one deployment at once, each charged and cared for by its own document, each with its own books."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from changhu_common.clock import FileClock
from changhu_common.roles import Role
from changhu_standalone.deployment import Standalone
from changhu_standalone.story.chapters import at
from changhu_standalone.story.office import Desk, Office, StoryFailed
from stdnum.cn import ric

from tests.scenarios.care_of_a_person import CareOfAPerson

PANJIN, WENZHOU, YUXI, SHANWEI = "211100", "330300", "530400", "441500"
POOLS = (PANJIN, WENZHOU, YUXI, SHANWEI)


@dataclass
class Cities:
    office: Office
    clock: FileClock

    def desk(self, pool: str, role: Role, number: int = 1) -> Desk:
        return Desk(f"{role}-{pool}-{number}", (role,), pool)

    async def supply(self, pool: str, parameter: str, value: Any, **days: Any) -> None:
        """One enters, another approves."""
        entered = await self.office.post(
            "enrollment",
            "/policy-values",
            {"pool": pool, "parameter": parameter, "value": value, "source": "统计公报", **days},
            self.desk(pool, Role.POLICY_ENTRY),
        )
        await self.office.post(
            "enrollment",
            f"/policy-values/{entered['value_id']}/approval",
            {},
            self.desk(pool, Role.POLICY_APPROVAL),
        )

    async def enrol(self, pool: str, county: str, category: str, *, base_fen: int | None, serial: int) -> str:
        stem = f"{county}19600101{serial:03d}"
        coverage = {"category": category, "start": "2020-01-01", "base_fen": base_fen}
        made = await self.office.post(
            "enrollment",
            "/persons",
            {
                "name": "李强",
                "resident_number": stem + ric.calc_check_digit(stem + "0"),
                "county": county,
                "coverage": coverage,
            },
            self.desk(pool, Role.ENROLLMENT_CLERK),
        )
        return str(made["person_id"])

    def care(self, pool: str, county: str, person: str, mode: str) -> CareOfAPerson:
        return CareOfAPerson(self.office, self.clock, pool, county, person, mode)

    async def charge(self, pool: str, month: str, received_on: str) -> dict[str, Any]:
        """A run, and everything that it found received."""
        clerk = self.desk(pool, Role.ENROLLMENT_CLERK)
        run: dict[str, Any] = await self.office.post(
            "enrollment", "/contribution-runs", {"pool": pool, "period": month}, clerk
        )
        await self.office.post(
            "enrollment",
            f"/contribution-runs/{run['run_id']}/receipts",
            {"received_on": received_on, "reference": f"{pool}-{month}"},
            clerk,
        )
        return run

    async def booked_fen(self, pool: str, kind: str) -> int:
        """What the pool's books hold in income (4) or expense (5)."""
        books = await self.office.get("fund-ledger", f"/pools/{pool}/trial-balance", self.desk(pool, Role.AUDITOR))
        assert books["balanced"]
        return abs(sum(int(each["balance_fen"]) for each in books["accounts"] if each["account"].startswith(kind)))

    async def dues(self, pool: str, person: str) -> dict[str, dict[str, int]]:
        told = await self.office.get("enrollment", f"/persons/{person}/dues", self.desk(pool, Role.ENROLLMENT_CLERK))
        return {due["period"]: {part["payer"]: part["fen"] for part in due["parts"]} for due in told}


@pytest.fixture
async def cities() -> AsyncIterator[Cities]:
    # Not pytest's own folder: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-cities-"))
    clock = FileClock(folder / "clock")
    clock.advance_to(datetime(2026, 10, 20, 1, tzinfo=UTC))
    standalone = Standalone(folder, clock=clock)
    standalone.server.durable = False
    standalone.start()
    try:
        async with standalone.clients(standalone.app()) as clients:
            yield Cities(Office(clients=clients, issuer=standalone.issuer), clock)
    finally:
        standalone.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_four_cities_are_charged_side_by_side_each_by_its_own_document(cities: Cities) -> None:
    last_year = {"from": "2025-01-01", "to": "2025-12-31"}
    await cities.supply(YUXI, "province_average_wage", 9_600_000, **last_year)
    panjin = await cities.enrol(PANJIN, "211102", "employee", base_fen=543_210, serial=1)
    wenzhou = await cities.enrol(WENZHOU, "330381", "employee", base_fen=None, serial=2)
    yuxi = await cities.enrol(YUXI, "530402", "flexible", base_fen=None, serial=3)
    for pool in (PANJIN, WENZHOU, YUXI):
        await cities.charge(pool, "2026-10", "2026-10-20")
    await cities.office.quiet()
    assert await cities.dues(PANJIN, panjin) == {
        "2026-10": {"employer_medical_contribution": 1086, "personal_account": 1086}
    }
    assert await cities.dues(WENZHOU, wenzhou) == {
        "2026": {"employer_medical_contribution": 5_000, "personal_account": 5_000}
    }
    assert await cities.dues(YUXI, yuxi) == {"2026-10": {"person": 1_440}}
    assert [await cities.booked_fen(pool, "4") for pool in POOLS] == [2_172, 10_000, 1_440, 0]

    # The fourth city's draft has no rates yet: its run stops with the name of what is missing, and writes nothing.
    await cities.enrol(SHANWEI, "441502", "employee", base_fen=543_210, serial=4)
    with pytest.raises(StoryFailed, match=r"policy\.missing.*441500"):
        await cities.charge(SHANWEI, "2026-10", "2026-10-20")


async def test_four_cities_care_side_by_side_and_what_a_document_leaves_open_stops_only_its_own_city(
    cities: Cities,
) -> None:
    last_year, from_now = {"from": "2026-01-01", "to": "2026-12-31"}, {"from": "2026-09-01"}
    for pool in (PANJIN, YUXI):
        await cities.supply(pool, "assessment.publicity_days", 7, **from_now)
        await cities.supply(pool, "assessment.objection_days", 5, **from_now)
    await cities.supply(PANJIN, "city_resident_disposable_income", 4_320_000, **last_year)
    await cities.supply(YUXI, "province_resident_disposable_income", 3_000_000, **last_year)
    await cities.supply(YUXI, "assessment.validity_months", 24, **from_now)
    panjin, yuxi, wenzhou = [
        cities.care(pool, county, await cities.enrol(pool, county, "employee", base_fen=base, serial=serial), mode)
        for serial, pool, county, base, mode in (
            (1, PANJIN, "211102", 543_210, "home"),
            (2, YUXI, "530402", 543_210, "institution"),
            (3, WENZHOU, "330381", None, "home"),
        )
    ]
    await cities.office.quiet()

    # Its document leaves the scale to another: nobody is assessed by a guess.
    with pytest.raises(StoryFailed, match=r"policy\.missing.*330300"):
        await wenzhou.assess(grade=5)

    for care in (panjin, yuxi):
        await care.assess(grade=5)
    cities.clock.advance_to(at(date(2026, 11, 20), 9))
    for care in (panjin, yuxi):
        await care.publish()
    cities.clock.advance_to(at(date(2027, 1, 12), 20))
    providers = [await care.visited(at(date(2027, 1, 12), 9), item="LC12", price_fen=10_000) for care in (panjin, yuxi)]
    cities.clock.advance_to(at(date(2027, 2, 8), 9))
    for care, provider in zip((panjin, yuxi), providers, strict=True):
        await care.settled(provider, "2027-01", paid_on=date(2027, 2, 8))

    assert [await cities.booked_fen(pool, "5") for pool in POOLS] == [8_000, 0, 7_000, 0]
    shown = [(await care.month("2027-01"))["limit"] for care in (panjin, yuxi)]
    assert [(each["start"], each["limit_fen"], each["left_fen"]) for each in shown] == [
        ("2027-01-01", 252_000, 244_000),
        ("2027-01-01", 1_500_000, 1_493_000),
    ]
    assert [each["end"] for each in shown] == ["2027-01-31", "2027-12-31"]
