"""Four cities in one deployment at once, each charged and cared for by its own document, each with its own books."""

from datetime import date

import pytest
from changhu_standalone.story.cast import at
from changhu_standalone.story.office import StoryFailed

from tests.scenarios.cities import Cities

PANJIN, WENZHOU, YUXI, SHANWEI = "211100", "330300", "530400", "441500"
POOLS = (PANJIN, WENZHOU, YUXI, SHANWEI)


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
