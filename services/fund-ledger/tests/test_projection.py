"""A projection is what its assumptions say, to the fen where it can be worked out by hand, and never loses anybody."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from changhu_common.errors import InvalidInput
from fund_ledger.domain.assumptions import (
    AGE_MAX,
    GROWTHS,
    RATES,
    Assumptions,
    Benefit,
    Change,
    Entrants,
    Item,
    Leavers,
    Prevalence,
)
from fund_ledger.domain.cohorts import Cell, next_year, size
from fund_ledger.domain.course import Course, Flow
from fund_ledger.domain.prevalence import Disabled, shown
from fund_ledger.domain.projection import Basis, BasisMissing, project
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.projections import (
    DUE_FEN,
    EMPLOYEE,
    FIRST_YEAR,
    GRADE,
    SETTLED_FEN,
    assumptions,
    basis,
    mortality,
    said,
)

YEARS = 10


def courses(given: Basis | None = None, assumed: Assumptions | None = None, years: int = YEARS) -> dict[str, Course]:
    found = project(basis=given or basis(), assumed=assumed or assumptions(), years=years)
    return {course.variant: course for course in found}


def middle(given: Basis | None = None, assumed: Assumptions | None = None, years: int = YEARS) -> list[Flow]:
    return list(courses(given, assumed, years)["middle"].totals)


def test_where_nothing_changes_the_balance_runs_in_a_straight_line() -> None:
    a_year = DUE_FEN - 2 * SETTLED_FEN
    assert [each.balance_fen for each in middle()] == [500_000 + a_year * n for n in range(1, YEARS + 1)]


def test_the_first_year_collects_what_the_pack_asks_to_the_fen() -> None:
    people = {Cell("A", "employee", "male", 30): 7.0, Cell("B", "retiree", "female", 70): 3.0}
    dues = {("A", "employee"): 1_234_567, ("B", "retiree"): 89, ("C", "employee"): 11}
    here = basis(people=people, dues={variant: {FIRST_YEAR: dues} for variant in ("low", "middle", "high")})
    assert middle(here)[0].contributions_fen == 1_234_567 + 89 + 11


def test_contributions_follow_the_people() -> None:
    dying = assumptions(mortality=mortality("0.1"))
    found = middle(assumed=dying)
    assert [each.contributions_fen for each in found[:3]] == [1_200_000, 1_080_000, 972_000]
    assert [round(each.people, 6) for each in found[:3]] == [1_000, 900, 810]


def test_a_county_where_nobody_stood_pays_what_its_category_pays_elsewhere() -> None:
    people = {Cell("A", "retiree", "female", 70): 10.0, Cell("B", "employee", "female", 59): 10.0}
    dues = {FIRST_YEAR + n: {("A", "retiree"): 1_000, ("B", "employee"): 5_000} for n in range(3)}
    retiring = assumptions(
        changes=[Change(origin="employee", target="retiree", sex=None, age=60, source="试", status="assumed")]
    )
    found = middle(basis(people=people, dues=dict.fromkeys(("low", "middle", "high"), dues)), retiring, 3)
    assert [each.contributions_fen for each in found] == [6_000, 2_000, 2_000]


def becoming(target: str) -> Assumptions:
    """At 46 everybody belongs to another category."""
    return assumptions(
        changes=[Change(origin="employee", target=target, sex=None, age=46, source="试", status="assumed")]
    )


def test_contributions_of_a_category_in_which_nobody_stands_are_said_to_be_unknown() -> None:
    course = courses(assumed=becoming("retiree"))["middle"]
    assert [each.contributions_fen for each in course.totals[:2]] == [DUE_FEN, 0]
    assert course.unpriced == ["retiree"]
    assert not courses()["middle"].unpriced


def test_a_scheme_that_people_will_come_into_needs_a_basis_too() -> None:
    with pytest.raises(BasisMissing) as refusal:
        middle(assumed=becoming("resident"))
    assert {each.field for each in refusal.value.errors} == {"benefits.residents", "prevalence.residents"}


def test_benefits_follow_those_who_are_disabled() -> None:
    more = assumptions(rates={"prevalence_growth": said("0.5")})
    found = middle(assumed=more, years=3)
    assert [each.benefits_fen for each in found] == [600_000, 900_000, 1_350_000]
    assert [round(each.disabled[GRADE], 6) for each in found] == [10, 15, 22.5]


def test_prices_and_take_up_multiply() -> None:
    dearer = assumptions(rates={"price_growth": said("0.1"), "take_up_growth": said("0.2")})
    assert [each.benefits_fen for each in middle(assumed=dearer, years=3)] == [600_000, 792_000, 1_045_440]


def test_whoever_grows_older_is_disabled_as_those_of_that_age_are() -> None:
    older = basis(
        people={EMPLOYEE: 100.0, Cell("A", "employee", "female", 55): 100.0},
        disabled={Disabled("employee", "female", 55, GRADE): 30},
    )
    found = middle(older, years=11)
    assert found[0].disabled[GRADE] == pytest.approx(30)
    assert found[10].disabled[GRADE] == pytest.approx(60)  # both are of that band by then


def test_nobody_is_disabled_more_than_wholly() -> None:
    rising = assumptions(rates={"prevalence_growth": said(9)})
    assert middle(assumed=rising, years=5)[-1].disabled[GRADE] == pytest.approx(1_000)


def paying(*steps: tuple[int, int], grade: str = GRADE) -> Assumptions:
    """So many fen for one person, from so many years on."""
    return assumptions(
        benefits=[
            Benefit(scheme="employees", grade=grade, fen=said(fen), since=FIRST_YEAR + later) for later, fen in steps
        ]
    )


def test_an_assumed_benefit_stands_in_for_what_was_settled_from_its_year_on() -> None:
    assert [each.benefits_fen for each in middle(assumed=paying((1, 20_000)), years=3)] == [600_000, 200_000, 200_000]


def test_the_latest_assumed_benefit_of_a_grade_takes_the_place_of_those_before() -> None:
    for steps in ([(-1, 60_000), (2, 70_000)], [(2, 70_000), (-1, 60_000)]):
        found = middle(assumed=paying(*steps), years=4)
        assert [each.benefits_fen for each in found] == [600_000, 600_000, 700_000, 700_000]


def test_a_benefit_of_a_grade_that_nobody_has_or_will_have_is_refused() -> None:
    with pytest.raises(BasisMissing) as refusal:
        middle(assumed=paying((0, 20_000), grade="scale 55"))
    assert [each.field for each in refusal.value.errors] == ["benefits.0"]
    coming = Prevalence(scheme="employees", sex="female", age_from=60, grade="scale 55", rate=said("0.1"))
    assert middle(assumed=replace(paying((0, 20_000), grade="scale 55"), prevalence=[coming]))


def test_an_item_of_a_scheme_with_neither_people_nor_money_is_refused() -> None:
    grant = Item(name="补助", kind="expense", scheme="residents", amount=said(1_000_000), of_contributions=False,
                 growth=said(0))  # fmt: skip
    with pytest.raises(BasisMissing) as refusal:
        middle(assumed=assumptions(items=[grant]))
    assert [each.field for each in refusal.value.errors] == ["items.0"]
    found = middle(basis(opening={"employees": 500_000, "residents": 7}), assumptions(items=[grant]))
    assert found[0].other_expense_fen == 1_000_000


def test_an_assumed_prevalence_stands_in_for_what_is_stored() -> None:
    assumed = assumptions(
        prevalence=[
            Prevalence(scheme="employees", sex="female", age_from=0, grade=GRADE, rate=said("0.02")),
            Prevalence(scheme="employees", sex="female", age_from=46, grade=GRADE, rate=said("0.03")),
        ]
    )
    assert [round(each.disabled[GRADE]) for each in middle(assumed=assumed, years=3)] == [20, 30, 30]


def test_further_items_are_amounts_or_shares_of_contributions() -> None:
    items = [
        Item(name="财政补助", kind="income", scheme="employees", amount=said(1_000), of_contributions=False,
             growth=said("0.1")),
        Item(name="经办费", kind="expense", scheme="employees", amount=said("0.03"), of_contributions=True,
             growth=said(0)),
    ]  # fmt: skip
    found = middle(assumed=assumptions(items=items), years=3)
    assert [each.other_income_fen for each in found] == [1_000, 1_100, 1_210]
    assert [each.other_expense_fen for each in found] == [36_000] * 3


def test_interest_is_earned_on_what_is_there_and_never_owed() -> None:
    earning = assumptions(rates={"interest_rate": said("0.02")})
    assert middle(assumed=earning)[0].interest_fen == 10_000
    assert middle(basis(opening={"employees": -500_000}), earning)[0].interest_fen == 0


def test_it_is_said_in_which_year_the_fund_runs_out() -> None:
    spending = basis(settled={("employees", GRADE, "home"): 700_000})  # 200,000 more than comes in
    course = courses(spending)["middle"]
    assert course.runs_out() == FIRST_YEAR + 2
    assert course.runs_out("employees") == FIRST_YEAR + 2
    assert courses()["middle"].runs_out() is None


def test_months_of_reserve_are_those_of_the_years_expense() -> None:
    assert middle()[0].reserve == Fraction((500_000 + 600_000) * 12, 600_000)


def test_money_of_no_scheme_stays_in_the_whole() -> None:
    assert middle(basis(opening={"employees": 500_000, "": 7}))[0].balance_fen == 1_100_007


@pytest.mark.parametrize("years", [2, 31])
def test_too_few_or_too_many_years_are_refused(years: int) -> None:
    with pytest.raises(InvalidInput):
        middle(years=years)


def test_everything_that_is_missing_is_named_at_once() -> None:
    people = {EMPLOYEE: 1.0, Cell("A", "resident", "male", 30): 1.0}
    with pytest.raises(BasisMissing) as refusal:
        middle(basis(people=people, settled={}, disabled={}))
    assert [each.field for each in refusal.value.errors] == [
        "benefits.employees", "prevalence.employees", "benefits.residents", "prevalence.residents",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rates": {"base_growth": said(0, 2, 1)}}, "rates.base_growth"),
        ({"rates": {"base_growth": said(-1)}}, "rates.base_growth"),
        ({"rates": {"collection_rate": said("1.1")}}, "rates.collection_rate"),
        ({"rates": {"colour": said(1)}}, "rates.colour"),
        ({"mortality": mortality(2)}, "mortality.female"),
        ({"leavers": [Leavers(category="employee", share=said("1.5"))]}, "leavers.0"),
        ({"entrants": [Entrants(category="employee", age=20, share=said(-1))]}, "entrants.0"),
    ],
)
def test_assumptions_that_cannot_be_are_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        assumptions(**wrong)
    assert field in {each.field for each in refusal.value.errors}


def test_an_assumption_that_nobody_wrote_down_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refusal:
        Assumptions(title="试", rates={}, mortality=mortality())
    assert {each.field for each in refusal.value.errors} == {f"rates.{name}" for name in RATES}


def test_few_people_are_not_shown_and_do_not_follow_from_the_sum() -> None:
    assert shown({"3": 4.2, "4": 12.0, "5": 30.0}) == {"3": None, "4": None, "5": 30}
    assert shown({"3": 4.0, "4": 5.0, "5": 30.0}) == {"3": None, "4": None, "5": 30}
    assert shown({"3": 0.0, "5": 30.0}) == {"3": 0, "5": 30}


CELLS = st.builds(
    Cell,
    county=st.sampled_from("AB"),
    category=st.sampled_from(["employee", "retiree", "resident"]),
    sex=st.sampled_from(["female", "male"]),
    age=st.integers(0, AGE_MAX),
)
PEOPLE = st.dictionaries(CELLS, st.floats(0.5, 1e6), min_size=1, max_size=6)
RATE = st.fractions(0, Fraction(1, 2), max_denominator=100)
GROWTH = st.fractions(Fraction(-1, 10), Fraction(1, 5), max_denominator=100)


@st.composite
def assumed_anyhow(draw: st.DrawFn) -> Assumptions:
    rate = draw(RATE)
    return assumptions(
        mortality=mortality(str(rate)),
        entrants=[Entrants(category="employee", age=draw(st.integers(0, 60)), share=said(str(draw(RATE))))],
        leavers=[Leavers(category="resident", share=said(str(draw(RATE))))],
        changes=[Change(origin="employee", target="retiree", sex="male", age=60, source="试", status="assumed")],
        rates={name: said(str(draw(GROWTH))) for name in GROWTHS if name != "interest_rate"},
    )


@settings(deadline=None)
@given(people=PEOPLE, assumed=assumed_anyhow())
def test_nobody_is_lost_from_year_to_year(people: dict[Cell, float], assumed: Assumptions) -> None:
    year = next_year(people=people, stored=people, assumed=assumed, variant="middle")
    assert size(year.people) == pytest.approx(size(people) + year.entered - year.died - year.left)
    assert all(count >= 0 for count in year.people.values())


def anyhow(people: dict[Cell, float], due_fen: int, settled_fen: int) -> Basis:
    places = {(cell.county, cell.category): due_fen for cell in people}
    schemes = {"residents" if cell.category == "resident" else "employees" for cell in people}
    disabled = {Disabled(cell.category, cell.sex, cell.age, GRADE): 1 for cell in people}
    return basis(
        people=people,
        disabled=disabled,
        dues={variant: {FIRST_YEAR + n: places for n in range(30)} for variant in ("low", "middle", "high")},
        settled={(scheme, GRADE, "home"): settled_fen for scheme in schemes},
        opening=dict.fromkeys(schemes, 10**9),
    )


FEN = st.integers(0, 10**12)
course_of_years = settings(max_examples=40, deadline=None)


@course_of_years
@given(people=PEOPLE, assumed=assumed_anyhow(), due=FEN, more=FEN, settled=FEN)
def test_more_income_never_lowers_a_balance(
    people: dict[Cell, float], assumed: Assumptions, due: int, more: int, settled: int
) -> None:
    poorer, richer = (middle(anyhow(people, fen, settled), assumed, 4) for fen in (due, due + more))
    assert all(a.balance_fen <= b.balance_fen for a, b in zip(poorer, richer, strict=True))


@course_of_years
@given(people=PEOPLE, due=FEN, settled=FEN, numbers=st.lists(GROWTH, min_size=3, max_size=3))
def test_the_middle_lies_between_low_and_high(
    people: dict[Cell, float], due: int, settled: int, numbers: list[Fraction]
) -> None:
    cheap, fair, dear = map(str, sorted(numbers))
    cautious = assumptions(rates={"price_growth": said(dear, fair, cheap), "collection_rate": said("0.8", "0.9", 1)})
    found = courses(anyhow(people, due, settled), cautious, 4)
    for low, mid, high in zip(*(found[name].totals for name in ("low", "middle", "high")), strict=True):
        assert low.balance_fen <= mid.balance_fen <= high.balance_fen


@course_of_years
@given(people=PEOPLE, assumed=assumed_anyhow(), due=FEN, settled=FEN)
def test_schemes_add_up_and_each_year_follows_from_the_one_before(
    people: dict[Cell, float], assumed: Assumptions, due: int, settled: int
) -> None:
    here = anyhow(people, due, settled)
    course = courses(here, assumed, 4)["middle"]
    before = sum(here.opening.values())
    for total in course.totals:
        own = [each for each in course.flows if each.year == total.year]
        assert sum(each.balance_fen for each in own) == total.balance_fen
        assert total.balance_fen == before + total.income_fen - total.expense_fen
        before = total.balance_fen


@course_of_years
@given(people=PEOPLE, assumed=assumed_anyhow(), due=FEN, settled=FEN)
def test_the_same_input_gives_the_same_numbers_in_whatever_order(
    people: dict[Cell, float], assumed: Assumptions, due: int, settled: int
) -> None:
    turned = dict(reversed(people.items()))
    assert middle(anyhow(people, due, settled), assumed, 3) == middle(anyhow(turned, due, settled), assumed, 3)


def test_what_came_back_is_not_paid_again() -> None:
    assert middle(basis(returned={"employees": SETTLED_FEN // 3}))[0].benefits_fen == 2 * SETTLED_FEN * 2 // 3
    assert middle(basis(returned={"employees": SETTLED_FEN * 2}))[0].benefits_fen == 0


@settings(max_examples=30, deadline=None)
@given(dues=st.lists(st.integers(0, 10**9), min_size=2, max_size=5), rate=st.sampled_from(["1", "97/100", "1/3"]))
def test_counties_add_up_to_the_fund_but_for_the_fen_of_each(dues: list[int], rate: str) -> None:
    people = {Cell(f"C{n}", "employee", "female", 45): 10.0 * (n + 1) for n in range(len(dues))}
    each_year = {(f"C{n}", "employee"): fen for n, fen in enumerate(dues)}
    every_year = {FIRST_YEAR + n: each_year for n in range(3)}
    here = basis(people=people, dues=dict.fromkeys(("low", "middle", "high"), every_year))
    course = courses(here, assumptions(rates={"collection_rate": said(rate)}), years=3)["middle"]
    for total in course.totals:
        counties = [each for each in course.counties if each.year == total.year]
        assert len(counties) == len(dues)
        assert abs(sum(each.contributions_fen for each in counties) - total.contributions_fen) <= len(dues)
        assert sum(each.people for each in counties) == pytest.approx(total.people)
