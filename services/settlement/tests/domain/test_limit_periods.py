"""Whatever a pack says of limits, each day belongs to one period, and no two periods share a day."""

from datetime import date, timedelta
from typing import Any

import pytest
from changhu_common.periods import DateRange
from changhu_policies import Pack, Supplied, load_pack
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.decision import period_of

FROM = date(2025, 12, 1)
DAYS = [FROM + timedelta(days=n) for n in range(800)]


def supplied_from(day: date, kind: str, **more: str) -> dict[str, Any]:
    said = {"pool": "330300", "parameter": "benefit.limit.period", "value": kind, "from": day.isoformat()}
    return {**said, "source": "试", **more}


def refuse_shared_days(pack: Pack) -> None:
    for day in DAYS:
        days = period_of(pack, day)
        assert day in days
        assert days.end is not None
        for other in (days.start, days.end):
            assert period_of(pack, other) == days


@pytest.mark.parametrize("pool", ["211100", "330300", "441500", "530400"])
def test_no_two_periods_of_a_pool_share_a_day(pool: str) -> None:
    refuse_shared_days(load_pack(pool))


def test_a_years_limit_begins_with_the_rules() -> None:
    pack = load_pack("530400")
    assert period_of(pack, date(2026, 10, 3)) == DateRange(date(2026, 9, 1), date(2026, 12, 31))
    assert period_of(pack, date(2026, 1, 5)) == DateRange(date(2026, 1, 1), date(2026, 1, 31))
    assert period_of(pack, date(2027, 1, 5)) == DateRange(date(2027, 1, 1), date(2027, 12, 31))


@given(
    st.dates(date(2026, 1, 2), date(2026, 12, 30)),
    st.sampled_from(["month", "year", "none"]),
    st.dates(date(2027, 1, 2), date(2027, 12, 30)),
    st.sampled_from(["month", "year", "none"]),
)
def test_periods_stay_apart_where_the_kind_of_limit_changes_on_any_day(
    first: date, then: str, second: date, at_last: str
) -> None:
    until = {"to": (second - timedelta(days=1)).isoformat()}
    changes = [supplied_from(first, then, **until), supplied_from(second, at_last)]
    refuse_shared_days(load_pack("330300", Supplied.from_records(changes)))
