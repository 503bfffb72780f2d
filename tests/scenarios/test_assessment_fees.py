"""What an assessment costs, from its conclusion to the books: the fund's where the document says so, else shared."""

from datetime import date
from typing import Any

from changhu_common.roles import Role
from changhu_standalone.story.cast import at

from tests.scenarios.cities import Cities

# A document that gives the fund the first assessment that passes, and leaves the share of any other open.
POOL, COUNTY = "530400", "530402"
FEE_FEN = 30_001
FROM_NOW = {"from": "2026-09-01"}


async def fees(cities: Cities, status: str) -> list[dict[str, Any]]:
    clerk = cities.desk(POOL, Role.ASSESSMENT_CLERK)
    page = await cities.office.get("assessment", "/fees", clerk, pool=POOL, status=status)
    told: list[dict[str, Any]] = page["fees"]
    return told


async def booked(cities: Cities) -> dict[str, int]:
    auditor = cities.desk(POOL, Role.AUDITOR)
    books = await cities.office.get("fund-ledger", f"/pools/{POOL}/trial-balance", auditor)
    assert books["balanced"]
    return {each["account"]: each["balance_fen"] for each in books["accounts"]}


async def test_who_passes_first_is_the_funds_and_who_does_not_is_shared_once_the_share_is_known(cities: Cities) -> None:
    await cities.supply(POOL, "assessment.publicity_days", 7, **FROM_NOW)
    await cities.supply(POOL, "assessment.validity_months", 24, **FROM_NOW)
    await cities.supply(POOL, "assessment.fee_fen", FEE_FEN, **FROM_NOW)
    passes, fails = [
        cities.care(POOL, COUNTY, await cities.enrol(POOL, COUNTY, category, base_fen=None, serial=serial), "home")
        for serial, category in ((1, "flexible"), (2, "resident"))
    ]
    await cities.office.quiet()
    assessors = await passes.assess(grade=5)
    assert await fails.assess(grade=1) == assessors

    # The conclusion of who does not pass stands; only its fee waits, and says for what.
    (waits,) = await fees(cities, "undecided")
    assert (waits["cause"], waits["problems"][0]["parameter"]) == ("failed", "assessment.fee_fund_share")

    cities.clock.advance_to(at(date(2026, 11, 5), 9))
    await passes.publish()
    await passes.settled(assessors, "2026-10", paid_on=date(2026, 11, 5))
    assert (await booked(cities))["5401"] == FEE_FEN

    await cities.supply(POOL, "assessment.fee_fund_share", "50%", qualifiers={"cause": "failed"}, **FROM_NOW)
    await cities.office.quiet()
    assert await fees(cities, "undecided") == []
    cities.clock.advance_to(at(date(2026, 12, 5), 9))
    late = await fails.settled(assessors, "2026-11", paid_on=date(2026, 12, 5))
    assert (late["fund_fen"], late["person_fen"], late["adjustments"]) == (15_001, 15_000, 0)
    accounts = await booked(cities)
    assert accounts["5401"] == FEE_FEN + 15_001
    assert "5001" not in accounts
