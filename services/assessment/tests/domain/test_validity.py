"""However many conclusions a person has, and whichever are revoked, there is one grade a day at most."""

from datetime import date, timedelta
from uuid import UUID

from assessment.domain.validity import Concluded, days_in_force, whole_validity
from changhu_common.periods import DateRange
from hypothesis import given
from hypothesis import strategies as st

DAY = date(2026, 1, 1)


@st.composite
def conclusions(draw: st.DrawFn) -> list[Concluded]:
    made = []
    for place in range(draw(st.integers(0, 6))):
        start = DAY + timedelta(days=draw(st.integers(0, 30)))
        end = start + timedelta(days=draw(st.integers(0, 30)))
        made.append(Concluded(id=UUID(int=place), place=place, days=DateRange(start, end), revoked=draw(st.booleans())))
    return made


@given(conclusions())
def test_no_day_has_two_grades(made: list[Concluded]) -> None:
    left = [days for days in days_in_force(made).values() if days is not None]
    for n, one in enumerate(left):
        assert all(one.overlap(other) is None for other in left[n + 1 :])


@given(conclusions(), st.randoms())
def test_what_is_left_does_not_depend_on_the_order_in_which_they_are_read(
    made: list[Concluded], chance: object
) -> None:
    shuffled = list(made)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert days_in_force(shuffled) == days_in_force(made)


@given(conclusions())
def test_nobody_loses_a_day_but_to_a_later_conclusion(made: list[Concluded]) -> None:
    left = days_in_force(made)
    for each in made:
        days = left[each.id]
        if each.revoked:
            assert days is None
            continue
        later = [other.days.start for other in made if other.place > each.place and not other.revoked]
        expected = min([each.days.end or date.max, *(start - timedelta(days=1) for start in later)])
        assert days == (DateRange(each.days.start, expected) if expected >= each.days.start else None)


def test_a_validity_of_two_years_ends_on_the_day_before() -> None:
    assert whole_validity(start=date(2026, 7, 9), months=24) == DateRange(date(2026, 7, 9), date(2028, 7, 8))
    assert whole_validity(start=date(2028, 2, 29), months=24) == DateRange(date(2028, 2, 29), date(2030, 2, 28))
