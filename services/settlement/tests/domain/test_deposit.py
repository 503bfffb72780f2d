"""What is withheld is exact, comes from what is really transferred, and is never drawn beyond what stands."""

from dataclasses import replace
from fractions import Fraction
from uuid import UUID

import pytest
from changhu_common.money import round_half_up
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.deposit import (
    Deposit,
    ExceedsDeposit,
    by_place,
    drawn,
    offsets,
    open_fen,
    withheld,
)

RATIOS = st.fractions(0, 1, max_denominator=1_000)
FEN = st.integers(-1_000_000, 1_000_000)


@given(st.lists(st.integers(0, 1_000_000), max_size=12), RATIOS)
def test_the_ratio_of_each_part_is_rounded_half_up(parts: list[int], ratio: Fraction) -> None:
    assert withheld(parts, ratio=ratio) == [round_half_up(ratio * fen) for fen in parts]


@given(st.lists(FEN, max_size=12).filter(lambda fen: sum(fen) >= 0), RATIOS)
def test_no_more_is_withheld_than_is_transferred(parts: list[int], ratio: Fraction) -> None:
    kept = withheld(parts, ratio=ratio)
    assert 0 <= sum(kept) <= sum(parts)
    assert all(0 <= fen <= max(part, 0) for fen, part in zip(kept, parts, strict=True))
    # Each part rounds once, so the whole is the ratio of what is transferred, within half a fen a part.
    assert abs(sum(kept) - ratio * sum(parts)) <= Fraction(len(parts), 2)


def test_of_what_only_offsets_nothing_is_withheld() -> None:
    assert withheld([100_000, -100_000], ratio=Fraction(1, 20)) == [0, 0]
    assert withheld([100_000, -60_000], ratio=Fraction(1, 20)) == [2_000, 0]


STANDING = st.lists(st.integers(1, 500_000), min_size=1, max_size=6)


def standing(amounts: list[int]) -> dict[UUID, Deposit]:
    made = [
        Deposit(UUID(int=n), f"2111{n % 3:02d}", "employee", "assessment" if n % 2 else "care", fen)
        for n, fen in enumerate(amounts)
    ]
    return {each.id: each for each in made}


@given(STANDING, st.lists(st.tuples(st.sampled_from(["withhold", "draw"]), st.integers(1, 700_000)), max_size=12))
def test_whatever_is_withheld_and_drawn_in_turn_no_deposit_is_overdrawn(
    amounts: list[int], steps: list[tuple[str, int]]
) -> None:
    stands = standing(amounts)
    total, gone = sum(amounts), 0
    for number, (what, fen) in enumerate(steps):
        if what == "withhold":
            new = UUID(int=100 + number)
            stands[new] = Deposit(new, "211102", "resident", "care", fen)
            total += fen
        elif fen > total - gone:
            with pytest.raises(ExceedsDeposit):
                drawn(fen, list(stands.values()))
        else:
            draws = drawn(fen, list(stands.values()))
            assert sum(by_place(draws).values()) == sum(moved for _, moved in draws) == fen
            for each, moved in draws:
                stands[each.id] = replace(each, drawn_fen=each.drawn_fen + moved)
            gone += fen
        assert open_fen(stands.values()) == total - gone
        assert all(0 <= each.drawn_fen <= each.amount_fen for each in stands.values())


@given(STANDING)
def test_all_that_stands_is_drawn_deposit_by_deposit(amounts: list[int]) -> None:
    stands = list(standing(amounts).values())
    assert drawn(sum(amounts), stands) == [(each, each.amount_fen) for each in stands]


@given(st.lists(st.tuples(st.integers(1, 500_000), st.fractions(0, 1), st.booleans()), max_size=12))
def test_what_is_owed_is_taken_off_what_stands_at_its_county_and_category(
    made: list[tuple[int, Fraction, bool]],
) -> None:
    stands = {
        UUID(int=n): Deposit(
            UUID(int=n), f"2111{n % 2:02d}", "employee", "care", fen, int(fen * part), fen if back else 0
        )
        for n, (fen, part, back) in enumerate(made)
    }
    after = dict(stands)
    for each, fen in offsets(stands.values()):
        after[each.id] = replace(each, drawn_fen=each.drawn_fen + fen)
    assert all(0 <= each.drawn_fen <= each.amount_fen for each in after.values())
    for county in ("211100", "211101"):
        before, now = ([each.open_fen for each in of.values() if each.county == county] for of in (stands, after))
        assert sum(before) == sum(now)
        assert min(now, default=0) >= 0 or max(now) <= 0
