"""What comes in of a recovery is divided exactly, whatever the parts are and however it is paid."""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from changhu_common.money import spread
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.recovery import (
    ExceedsOpen,
    Part,
    SeveralPools,
    divided,
    open_fen,
    parts_of,
    refuse_several_pools,
)

AMOUNTS = st.integers(-5_000_000, 5_000_000)


@st.composite
def owed(draw: st.DrawFn) -> list[Part]:
    """Parts that come to more than nothing together; some of them may be what the fund owes."""
    amounts = draw(st.lists(AMOUNTS.filter(bool), min_size=1, max_size=8).filter(lambda fen: sum(fen) > 0))
    return [
        Part(UUID(int=n % 3), f"2111{n:02d}", "employee", "care", fen, draw(st.integers(1, 9)))
        for n, fen in enumerate(amounts)
    ]


@given(st.lists(AMOUNTS, min_size=1, max_size=20).filter(lambda fen: sum(fen) > 0), st.data())
def test_an_amount_is_divided_without_losing_a_fen_and_nobody_gets_more_than_there_is(
    over: list[int], data: st.DataObject
) -> None:
    amount_fen = data.draw(st.integers(0, sum(over)))
    parts = spread(amount_fen, over=over)
    assert sum(parts) == amount_fen
    assert all(min(whole, 0) <= part <= max(whole, 0) for whole, part in zip(over, parts, strict=True))
    assert all(abs(part * sum(over) - amount_fen * whole) < sum(over) for whole, part in zip(over, parts, strict=True))


def test_the_fen_left_goes_to_who_lost_most_and_to_the_first_of_equals() -> None:
    assert spread(100, over=[1_000, 1_000, 1_000]) == [34, 33, 33]
    assert spread(2, over=[1, 1, 8]) == [0, 0, 2]


@pytest.mark.parametrize(("amount_fen", "over"), [(4, [3]), (-1, [3]), (1, [])])
def test_more_than_there_is_cannot_be_divided(amount_fen: int, over: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot be divided"):
        spread(amount_fen, over=over)


@given(owed(), st.data())
def test_part_payments_fill_every_part_exactly_and_settle_each_payment_once(
    parts: list[Part], data: st.DataObject
) -> None:
    payments = sum(each.payments for each in parts)
    settled = 0
    standing = {each.place: each for each in parts}
    total = open_fen(parts)
    cuts = sorted(data.draw(st.sets(st.integers(1, total), max_size=6)) | {total})
    for before, after in pairwise([0, *cuts]):
        moved = divided(after - before, list(standing.values()))
        assert sum(fen for _, fen in moved) == after - before
        for part, fen in moved:
            settled += part.settles(fen)
            standing[part.place] = replace(part, received_fen=part.received_fen + fen)
    assert all(each.open_fen == 0 for each in standing.values())
    assert settled == payments


@given(owed(), st.data())
def test_taking_a_receipt_back_leaves_everything_as_it_was(parts: list[Part], data: st.DataObject) -> None:
    fen = data.draw(st.integers(1, open_fen(parts)))
    for part, came in divided(fen, parts):
        after = replace(part, received_fen=came)
        assert after.settles(-came) == -part.settles(came)


@given(owed())
def test_more_than_is_open_is_refused(parts: list[Part]) -> None:
    with pytest.raises(ExceedsOpen):
        divided(open_fen(parts) + 1, parts)


def test_payments_that_come_to_nothing_are_settled_with_another_part_of_their_statement() -> None:
    statement, other = UUID(int=1), UUID(int=2)
    made = parts_of(
        [
            Part(statement, "211102", "employee", "care", 0, 2),
            Part(statement, "211122", "employee", "care", 500, 1),
            Part(other, "211102", "employee", "care", 300, 4),
        ]
    )
    assert [(each.statement_id, each.amount_fen, each.payments) for each in made] == [
        (statement, 500, 3),
        (other, 300, 4),
    ]


def test_what_is_owed_to_the_funds_of_several_pools_is_not_one_recovery() -> None:
    refuse_several_pools({"211100"})
    with pytest.raises(SeveralPools):
        refuse_several_pools({"211100", "330300"})
