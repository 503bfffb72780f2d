"""A fee is rounded once, whoever bears it; its parts always add up to it, and a correction to what is right."""

from datetime import date
from fractions import Fraction
from typing import get_args

import pytest
from changhu_common.errors import InvalidInput
from changhu_common.money import round_half_up
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.handling_fee import (
    FeePeriod,
    Method,
    Place,
    Terms,
    borne,
    computed,
    difference,
    fee_fen,
    refuse_unfit_basis,
)

PLACES = st.builds(Place, st.sampled_from(["110101", "110102", "110105"]), st.sampled_from(["", "employees"]))
BASIS = st.dictionaries(PLACES, st.integers(0, 10**13), min_size=1).filter(lambda basis: sum(basis.values()) > 0)
RATIOS = st.fractions(0, 1, max_denominator=10_000)


def terms(method: Method = "share", rate: Fraction | int | str = "1/20", **said: object) -> Terms:
    usual: dict[str, object] = {"months": 12, "basis": {Place("110100"): 100_000_000}, "deduction": Fraction(0)}
    return Terms(method=method, rate=Fraction(rate), **usual | said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "fen"),
    [
        (terms(), 5_000_000),
        (terms(deduction=Fraction("0.02")), 4_900_000),
        (terms(months=3), 5_000_000),  # the base is the period's already
        (terms(basis={Place("110100"): 30}), 2),  # 1.5 fen
        (terms("per_person", 1_200, basis={Place("110100"): 2_000}), 2_400_000),
        (terms("per_person", 1_000, basis={Place("110100"): 7}, months=1), 583),  # 583.33
        (terms("fixed", 100_000_000, months=3), 25_000_000),
        (terms("fixed", 100, months=1, deduction=Fraction(1)), 0),
    ],
)
def test_a_fee_is_what_the_agreement_pays_less_what_the_performance_costs(asked: Terms, fen: int) -> None:
    assert fee_fen(asked) == fen


@given(st.sampled_from(get_args(Method)), st.integers(0, 10**6), BASIS, RATIOS, st.sampled_from([1, 3, 12]))
def test_who_bears_a_fee_bears_together_exactly_the_fee(
    method: Method, rate: int, basis: dict[Place, int], deduction: Fraction, months: int
) -> None:
    asked = terms(method, Fraction(rate, 10**6) if method == "share" else rate, basis=basis, deduction=deduction)
    total_fen = fee_fen(asked)
    parts = borne(total_fen=total_fen, basis=basis)
    assert sum(parts.values()) == total_fen
    whole = sum(basis.values())
    for place, fen in parts.items():
        assert fen >= 0
        assert abs(fen - Fraction(total_fen * basis[place], whole)) <= 1


@given(RATIOS, BASIS, RATIOS)
def test_a_fee_is_rounded_once_however_many_bear_it(rate: Fraction, basis: dict[Place, int], taken: Fraction) -> None:
    together = {Place("110100"): sum(basis.values())}
    of_many, of_one = (fee_fen(terms(rate=rate, basis=each, deduction=taken)) for each in (basis, together))
    assert of_many == of_one == round_half_up(rate * sum(basis.values()) * (1 - taken))


@given(st.lists(st.tuples(RATIOS, BASIS), min_size=1, max_size=5))
def test_a_fee_and_its_corrections_hold_together_what_the_last_one_says(
    said: list[tuple[Fraction, dict[Place, int]]],
) -> None:
    before: dict[Place, int] = {}
    held: dict[Place, int] = {}
    for rate, basis in said:
        now = borne(total_fen=fee_fen(terms(rate=rate, basis=basis)), basis=basis)
        for place, fen in difference(now=now, before=before).items():
            held[place] = held.get(place, 0) + fen
        before = now
    assert {place: fen for place, fen in held.items() if fen} == {place: fen for place, fen in before.items() if fen}


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
    ],
)
def test_a_period_is_a_year_a_quarter_or_a_month(text: str, first: date, last: date) -> None:
    days = FeePeriod.parse(text).days
    assert (days.start, days.end) == (first, last)


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-Q5", "2026-Q0", "2026-13", "2026-00", "2026-7", "0000", "２０２６", "2026 ", "9999", "9999-12"],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"period|month|year"):
        FeePeriod.parse(text)


def test_a_computation_is_told_as_a_clerk_would_write_it() -> None:
    persons = terms("per_person", 1_200, basis={Place("110100"): 2_000}, months=3, deduction=Fraction("0.05"))
    told = computed(terms=persons, rate="1200", deduction="5%", total_fen=fee_fen(persons))
    assert told == "服务人数 2,000 × 每人每年 12.00 元 × 3/12 × (1 − 绩效扣减 5%) = 5,700.00 元"


@pytest.mark.parametrize(
    ("method", "basis", "whole"),
    [
        ("share", [], 0),
        ("per_person", [Place("110101")], 0),
        ("fixed", [Place("110101")], 0),
        ("share", [Place("999999")], 1),
        ("share", [Place("110101"), Place("110101")], 2),
    ],
)
def test_a_basis_that_says_nothing_or_something_twice_is_refused(
    method: Method, basis: list[Place], whole: int
) -> None:
    with pytest.raises(InvalidInput):
        refuse_unfit_basis(method=method, basis=basis, whole=whole, counties={"110100", "110101"})


def test_a_fixed_amount_needs_no_basis() -> None:
    refuse_unfit_basis(method="fixed", basis=[], whole=0, counties={"110100"})
