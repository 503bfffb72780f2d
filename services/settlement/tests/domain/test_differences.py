"""Differences make what is settled come to what is now, and leave no fund money in a wrong book."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.differences import NOTHING, Amounts, Book, differences

amounts = st.builds(
    lambda fund, person: Amounts(fund + person, fund, person), st.integers(-500, 500), st.integers(-500, 500)
)
books = st.builds(
    Book,
    st.sampled_from([UUID(int=1), UUID(int=2)]),
    st.sampled_from(["2026-06", "2026-07"]),
    st.sampled_from(["211102", "211122"]),
    st.sampled_from(["employee", "resident", None]),
)
HERE = Book(UUID(int=1), "2026-07", "211102", "employee")


@given(book=books, now=amounts, settled=st.dictionaries(books, amounts, max_size=5))
def test_what_is_settled_and_what_is_added_come_to_what_is_now(
    book: Book, now: Amounts, settled: dict[Book, Amounts]
) -> None:
    added = differences(book=book, now=now, settled=settled)
    assert sum([*settled.values(), *added.values()], NOTHING) == now
    assert NOTHING not in added.values()


@given(book=books, now=amounts, settled=st.dictionaries(books, amounts, max_size=5))
def test_fund_money_stands_in_one_book_alone(book: Book, now: Amounts, settled: dict[Book, Amounts]) -> None:
    after = dict(settled)
    for each, amounts in differences(book=book, now=now, settled=settled).items():
        after[each] = after.get(each, NOTHING) + amounts
    holding = {each for each, amounts in after.items() if amounts.fund_fen}
    assert {replace(each, county="") for each in holding} <= {replace(book, county="")}
    assert len(holding) <= 1


def test_nothing_is_added_where_nothing_changed() -> None:
    assert differences(book=HERE, now=Amounts(10, 8, 2), settled={HERE: Amounts(10, 8, 2)}) == {}


def test_a_coverage_learned_late_moves_the_funds_part_and_not_the_cost() -> None:
    unknown = replace(HERE, category=None)
    assert differences(book=HERE, now=Amounts(10, 8, 2), settled={unknown: Amounts(10, 0, 10)}) == {
        HERE: Amounts(0, 8, -8)
    }


def test_a_line_of_another_month_is_taken_back_there_in_full() -> None:
    june = replace(HERE, month="2026-06")
    assert differences(book=HERE, now=Amounts(10, 8, 2), settled={june: Amounts(10, 8, 2)}) == {
        june: Amounts(-10, -8, -2),
        HERE: Amounts(10, 8, 2),
    }


def test_the_county_of_settled_money_stays() -> None:
    moved = replace(HERE, county="211122")
    assert differences(book=moved, now=Amounts(12, 9, 3), settled={HERE: Amounts(10, 8, 2)}) == {HERE: Amounts(2, 1, 1)}


def test_parts_that_do_not_add_up_are_no_amounts() -> None:
    with pytest.raises(ValueError, match="add up"):
        Amounts(10, 8, 3)
