from datetime import date

import pytest
from changhu_common.periods import DateRange, months_after
from settlement.domain.facts import Coverage, Facts, Grade
from settlement.domain.waiting import waiting_ends

PLAN = date(2021, 1, 1)
JOINED = date(2024, 3, 10)


def covered(*ranges: tuple[date, date | None], **facts: object) -> Facts:
    coverage = tuple(Coverage(category="employee", days=DateRange(*days)) for days in ranges)
    return Facts(coverage=coverage, **facts)  # type: ignore[arg-type]


def ends(facts: Facts, on: date) -> date | None:
    return waiting_ends(facts=facts, plan_began=PLAN, months=24, on=on)


def test_who_joined_disabled_waits_until_two_years_are_complete() -> None:
    facts = covered((JOINED, None), disabled_since=date(2024, 3, 9))
    assert ends(facts, date(2026, 3, 9)) == date(2026, 3, 10)
    assert ends(facts, date(2026, 3, 10)) is None


def test_who_became_disabled_on_the_day_of_joining_or_later_does_not_wait() -> None:
    assert ends(covered((JOINED, None), disabled_since=JOINED), date(2024, 4, 1)) is None
    assert ends(covered((JOINED, None)), date(2024, 4, 1)) is None


def test_who_was_insured_when_the_plan_began_does_not_wait() -> None:
    for start in (date(2015, 1, 1), PLAN):
        assert ends(covered((start, None), disabled_since=date(2010, 1, 1)), date(2021, 2, 1)) is None
    assert ends(covered((date(2021, 1, 2), None), disabled_since=date(2010, 1, 1)), date(2021, 2, 1)) is not None


def test_a_grade_in_force_before_joining_counts_as_disabled() -> None:
    grade = Grade(scale="national-2021", grade=5, days=DateRange(date(2024, 1, 1), date(2025, 12, 31)))
    assert ends(covered((JOINED, None), grades=(grade,)), date(2024, 4, 1)) == date(2026, 3, 10)


def test_a_break_starts_the_waiting_anew() -> None:
    facts = covered((JOINED, date(2025, 6, 30)), (date(2025, 8, 1), None), disabled_since=date(2020, 1, 1))
    assert ends(facts, date(2026, 3, 10)) == date(2027, 8, 1)
    assert ends(facts, date(2027, 8, 1)) is None


def test_coverages_that_touch_are_unbroken() -> None:
    facts = covered((JOINED, date(2025, 6, 30)), (date(2025, 7, 1), None), disabled_since=date(2020, 1, 1))
    assert ends(facts, date(2026, 3, 10)) is None


def test_two_years_once_complete_stay_complete() -> None:
    facts = covered((JOINED, date(2026, 3, 9)), (date(2026, 5, 1), None), disabled_since=date(2020, 1, 1))
    assert ends(facts, date(2026, 5, 1)) is None


@pytest.mark.parametrize(
    ("day", "months", "after"),
    [
        (date(2024, 2, 29), 24, date(2026, 3, 1)),
        (date(2024, 1, 31), 1, date(2024, 3, 1)),
        (date(2024, 12, 15), 24, date(2026, 12, 15)),
    ],
)
def test_months_end_the_day_before_the_same_day(day: date, months: int, after: date) -> None:
    assert months_after(day, months) == after


def test_months_recognised_on_a_transfer_count_towards_the_waiting_period() -> None:
    def moved(months: int) -> Facts:
        coverage = (Coverage(category="employee", days=DateRange(JOINED, None), recognised_months=months),)
        return Facts(coverage=coverage, disabled_since=date(2024, 3, 9))

    assert ends(moved(10), date(2024, 4, 1)) == date(2025, 5, 10)
    assert ends(moved(24), JOINED) is None


def test_recognised_months_of_a_coverage_that_broke_off_count_for_nothing() -> None:
    coverage = (
        Coverage(category="employee", days=DateRange(JOINED, date(2024, 5, 31)), recognised_months=20),
        Coverage(category="employee", days=DateRange(date(2024, 8, 1), None)),
    )
    facts = Facts(coverage=coverage, disabled_since=date(2024, 3, 9))
    assert ends(facts, date(2024, 9, 1)) == date(2026, 8, 1)
