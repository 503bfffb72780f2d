"""A limit that a whole year shares gives each month the same, asked month by month or all at once, in any order."""

import random
from dataclasses import replace
from datetime import date, datetime

from changhu_common.periods import SHANGHAI, DateRange, Month, day_of
from changhu_policies import Supplied, load_pack, statistic_record
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.adjudication import Line, adjudicate
from settlement.domain.facts import Agreement, Coverage, Facts, Grade, Service

POOL = "530400"
YEAR = DateRange(date(2027, 1, 1), date(2027, 12, 31))
LIMIT_FEN = 1_500_000
PACK = load_pack(
    POOL, Supplied.from_records([statistic_record(POOL, "province_resident_disposable_income", 2026, 3_000_000)])
)
FACTS = Facts(
    coverage=(Coverage(category="retiree", days=DateRange(date(2026, 9, 1))),),
    grades=(Grade(scale="national-2021", grade=4, days=YEAR),),
    agreements=(Agreement(provider="P1", modes=frozenset({"institution"}), days=YEAR),),
)

services_of_a_year = st.lists(
    st.builds(
        lambda number, month, day, cost: Service(
            id=f"v{number}", provider="P1", mode="institution", item="LC12", cost_fen=cost,
            at=datetime(2027, month, day, 9, tzinfo=SHANGHAI),
        ),
        number=st.integers(1, 10_000), month=st.integers(1, 12), day=st.integers(1, 28),
        cost=st.integers(0, 900_000),
    ),
    unique_by=lambda each: each.id,
    max_size=15,
)  # fmt: skip


@given(services_of_a_year)
def test_month_by_month_comes_to_the_same_as_the_whole_year(services: list[Service]) -> None:
    whole = adjudicate(pack=PACK, facts=replace(FACTS, services=tuple(services)), days=YEAR)
    used = 0
    lines: list[Line] = []
    for number in range(1, 13):
        month = Month(2027, number)
        own = tuple(each for each in services if day_of(each.at) in month.days)
        told = adjudicate(pack=PACK, facts=replace(FACTS, services=own, used_earlier_fen=used), days=month.days)
        used += told.fund_fen
        lines += told.lines
        assert told.limit_left_fen == LIMIT_FEN - used
    assert tuple(lines) == whole.lines
    assert used == whole.fund_fen <= LIMIT_FEN


@given(services_of_a_year, st.randoms(use_true_random=False))
def test_the_order_of_a_years_services_changes_nothing(services: list[Service], chance: random.Random) -> None:
    turned = [*services, *services]
    chance.shuffle(turned)
    expected = adjudicate(pack=PACK, facts=replace(FACTS, services=tuple(services)), days=YEAR)
    assert adjudicate(pack=PACK, facts=replace(FACTS, services=tuple(turned)), days=YEAR) == expected
