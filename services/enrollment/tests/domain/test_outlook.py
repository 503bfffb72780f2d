"""Bases and statistics of years to come are today's, grown; what is known is never replaced."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from changhu_common.money import round_half_up
from changhu_policies import Supplied, load_pack
from changhu_policies.supplied import statistic_record
from enrollment.domain.outlook import ASSUMED, assumed_statistics, grown
from enrollment.domain.population import NO_BASE_FEN, CoverageRows, Population, population
from enrollment.domain.simulation import horizon_of
from hypothesis import given, settings
from hypothesis import strategies as st

POOL = "530400"
WAGE = "province_average_wage"


def of_bases(*bases: int) -> Population:
    nothing = np.empty(0, dtype=np.int64)
    rows = CoverageRows(
        positions=[], new_person=np.empty(0, dtype=np.bool_), position=nothing, start=nothing, end=nothing,
        died=nothing, since=nothing, base_fen=nothing,
    )  # fmt: skip
    return replace(population(rows, horizon_of(2026)), base_fen=np.array(bases, dtype=np.int64))


@settings(deadline=None)
@given(
    bases=st.lists(st.integers(0, 2**62), max_size=5),
    factor=st.builds(Fraction, st.integers(0, 10_000_000), st.just(10**6)),
)
def test_every_base_is_grown_half_up_to_the_fen(bases: list[int], factor: Fraction) -> None:
    found = grown(of_bases(*bases, NO_BASE_FEN), factor).base_fen.tolist()
    assert found == [*(round_half_up(base * factor) for base in bases), NO_BASE_FEN]


def told(*years: int) -> dict[int, int]:
    supplied = Supplied.from_records(statistic_record(POOL, WAGE, year, 1_000_000) for year in years)
    records = list(assumed_statistics(load_pack(POOL, supplied), growth=Fraction(1, 10), until=2028, today=2026))
    assert all(each["source"] == ASSUMED for each in records)
    return {each["from"].year: each["value"] for each in records}


def test_a_statistic_goes_on_from_the_last_known_year() -> None:
    assert told(2024, 2025) == {2026: 1_100_000, 2027: 1_210_000, 2028: 1_331_000}


def test_what_is_missing_between_known_years_stays_missing() -> None:
    assert told(2024, 2027) == {2028: 1_100_000}


def test_a_statistic_that_nobody_knows_is_not_made_up() -> None:
    assert told() == {}
