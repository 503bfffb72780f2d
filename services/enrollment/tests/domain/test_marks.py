"""From a day on exactly the wanted marks hold, and every day before stays as it was."""

from datetime import date, timedelta

from changhu_common.ids import new_id
from changhu_common.periods import DateRange
from enrollment.domain.marks import MarkChange, mark_change
from enrollment.domain.reported import KnownFact
from hypothesis import assume, given
from hypothesis import strategies as st

FIRST = date(2026, 1, 1)
MARKS = ("destitute", "low_income", "orphan")
days = st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n))
some_marks = st.frozensets(st.sampled_from(MARKS))


@st.composite
def records(draw: st.DrawFn) -> list[KnownFact]:
    """Dated records, none of one mark over another of it."""
    found: list[KnownFact] = []
    for mark in MARKS:
        ends = sorted(draw(st.lists(days, max_size=4, unique=True)))
        for start, end in zip(ends[::2], ends[1::2], strict=False):
            found.append(KnownFact(id=new_id(), kind=mark, days=DateRange(start, end)))
        if len(ends) % 2:
            found.append(KnownFact(id=new_id(), kind=mark, days=DateRange(ends[-1], None)))
    return found


def held(always: set[str], dated: list[KnownFact], on: date) -> set[str]:
    return {each for each in always if each not in {one.kind for one in dated}} | {
        str(each.kind) for each in dated if on in each.days
    }


def after(
    always: set[str], dated: list[KnownFact], change: MarkChange, since: date
) -> tuple[set[str], list[KnownFact]]:
    kept = [
        KnownFact(id=each.id, kind=each.kind, days=DateRange(each.days.start, since - timedelta(days=1)))
        if each.id in change.ended
        else each
        for each in dated
        if each.id not in change.voided
    ]
    more = [KnownFact(id=new_id(), kind=mark, days=span) for mark, span in change.added]
    # A voided record still says that its mark has days.
    return always - change.dropped - {str(each.kind) for each in dated if each.id in change.voided}, [*kept, *more]


@given(some_marks, some_marks, records(), days, days)
def test_the_wanted_marks_hold_from_the_day_and_nothing_changes_before(
    wanted: frozenset[str], always: frozenset[str], dated: list[KnownFact], insured_since: date, since: date
) -> None:
    assume(insured_since <= since)
    today = held(set(always), dated, since)
    change = mark_change(
        wanted=wanted, marks=today | set(always), dated=dated, insured_since=insured_since, since=since
    )
    undated, then = after(set(always), dated, change, since)
    assert held(undated, then, since) == wanted
    for n in range((since - insured_since).days):
        day = insured_since + timedelta(days=n)
        assert held(undated, then, day) == held(set(always), dated, day)
    by_mark = [each for mark in MARKS for each in then if each.kind == mark]
    for one in by_mark:
        assert not any(one is not other and one.kind == other.kind and one.days.overlap(other.days) for other in then)


@given(some_marks, records(), days)
def test_what_holds_already_needs_no_change(always: frozenset[str], dated: list[KnownFact], since: date) -> None:
    today = held(set(always), dated, since)
    change = mark_change(wanted=today, marks=today, dated=dated, insured_since=FIRST, since=since)
    assert (change.added, change.ended, change.dropped) == ((), (), frozenset())
