"""Working days follow the published notices; a year without one is refused by its name."""

from datetime import date, timedelta

import pytest
from changhu_common.workdays import NATIONAL, YearMissing
from hypothesis import given
from hypothesis import strategies as st

# Two terms of sixty working days still end within the years that are known.
days = st.dates(date(2004, 1, 1), date(2026, 5, 31))
terms = st.integers(0, 60)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 7, 1), True),
        (date(2026, 7, 4), False),
        (date(2026, 10, 1), False),
        (date(2026, 10, 10), True),  # a Saturday that makes up for the National Day week
    ],
)
def test_days_off_and_worked_weekends_are_those_of_the_notice(day: date, worked: bool) -> None:
    assert NATIONAL.is_working_day(day) is worked


def test_the_day_on_which_a_term_starts_does_not_count() -> None:
    assert NATIONAL.add_working_days(date(2026, 7, 1), 5) == date(2026, 7, 8)


def test_a_term_across_the_national_day_skips_it() -> None:
    assert NATIONAL.add_working_days(date(2026, 9, 30), 1) == date(2026, 10, 8)


def test_a_term_of_no_days_ends_where_it_starts_even_on_a_day_off() -> None:
    assert NATIONAL.add_working_days(date(2026, 10, 1), 0) == date(2026, 10, 1)


def test_a_year_without_its_notice_is_refused_by_name() -> None:
    with pytest.raises(YearMissing) as refused:
        NATIONAL.add_working_days(date(2026, 12, 30), 5)
    assert "2027" in refused.value.detail
    assert refused.value.problem()["code"] == "calendar.year_missing"
    assert refused.value.problem()["year"] == 2027


def test_a_year_can_be_supplied() -> None:
    supplied = NATIONAL.with_year(2027, {date(2027, 1, 1): False, date(2027, 1, 3): True})
    assert supplied.add_working_days(date(2026, 12, 31), 2) == date(2027, 1, 4)
    assert 2027 not in NATIONAL.years


def test_a_known_year_can_be_corrected() -> None:
    corrected = NATIONAL.with_year(2026, {date(2026, 7, 1): False})
    assert not corrected.is_working_day(date(2026, 7, 1))
    assert not corrected.is_working_day(date(2026, 10, 1))


def test_days_of_another_year_are_not_supplied_by_mistake() -> None:
    with pytest.raises(ValueError, match="2027"):
        NATIONAL.with_year(2027, {date(2028, 1, 1): False})


def test_a_negative_term_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        NATIONAL.add_working_days(date(2026, 7, 1), -1)


@given(days, terms)
def test_counting_a_term_gives_back_its_days(start: date, term: int) -> None:
    assert NATIONAL.working_days_between(start, NATIONAL.add_working_days(start, term)) == term


@given(days, st.integers(1, 60))
def test_a_term_ends_on_a_working_day_and_not_a_day_earlier(start: date, term: int) -> None:
    end = NATIONAL.add_working_days(start, term)
    assert NATIONAL.is_working_day(end)
    assert NATIONAL.working_days_between(start, end - timedelta(days=1)) == term - 1


@given(days, terms, terms)
def test_two_terms_in_a_row_are_one(start: date, first: int, second: int) -> None:
    in_a_row = NATIONAL.add_working_days(NATIONAL.add_working_days(start, first), second)
    assert in_a_row == NATIONAL.add_working_days(start, first + second)
