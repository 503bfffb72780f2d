"""What becomes of a fund over years: people go on by cohorts, money follows them.

Contributions of a year are what the pack asks of the stored people in that year, in the measure in
which each county's category has grown or shrunk since. Benefits are what was really paid, in the
measure in which those disabled to each grade have become more or fewer, and prices and take-up
changed. An amount is exact until it is rounded, half up to the fen, once for a scheme and year; the
first year's contributions are the run's own. People are expected numbers.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from changhu_common.errors import FieldError, InvalidInput, Refusal
from changhu_common.money import round_half_up

from fund_ledger.domain.assumptions import VARIANTS, Assumptions, Variant
from fund_ledger.domain.cohorts import People, Place, Year, by_place, next_year
from fund_ledger.domain.course import MONTHS_A_YEAR, CountyYear, Course, Flow, total_of
from fund_ledger.domain.posting import SCHEMES
from fund_ledger.domain.prevalence import Disabled, prevalence

YEARS_MIN, YEARS_MAX = 3, 30


class BasisMissing(Refusal):
    """Something that a projection rests on is neither stored nor assumed."""

    code = "projection.basis_missing"
    title = "测算依据不全"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What is stored (测算基础), of one day and pool.

    `dues` is what the pack asks of these people, in fen, by variant, year and place; `settled` is what
    was paid in `settled_months` months, in fen by scheme, grade and mode, and `returned` how much less it
    cost by the books, because it came back; `opening` is what the books hold. Both are fen by scheme.
    """

    first_year: int
    people: People
    disabled: Mapping[Disabled, int]
    dues: Mapping[Variant, Mapping[int, Mapping[Place, int]]]
    settled: Mapping[tuple[str, str, str], int]
    settled_months: int
    opening: Mapping[str, int]
    returned: Mapping[str, int] = field(default_factory=dict)

    @property
    def categories(self) -> set[str]:
        """In which somebody stands today."""
        return {cell.category for cell in self.people}


def project(*, basis: Basis, assumed: Assumptions, years: int) -> list[Course]:
    """Every variant over so many years. Raises BasisMissing with everything that is not there."""
    refuse_years(years)
    if errors := list(_missing(basis, assumed)):
        raise BasisMissing("测算依据不全：" + "；".join(each.reason for each in errors) + "。", errors=errors)
    return [_Run(basis, assumed, variant).course(years) for variant in VARIANTS]


def refuse_years(years: int) -> None:
    """InvalidInput for fewer years than say anything, or more than anybody can assume anything of."""
    if not YEARS_MIN <= years <= YEARS_MAX:
        reason = f"须为 {YEARS_MIN} 至 {YEARS_MAX} 年"
        raise InvalidInput(f"测算年数{reason}。", errors=[FieldError("years", reason)])


def schemes_of(basis: Basis, assumed: Assumptions) -> list[str]:
    """Whose people there are or will be, and whose money."""
    return sorted(_peopled(basis, assumed) | {scheme for scheme, fen in basis.opening.items() if fen})


def _peopled(basis: Basis, assumed: Assumptions) -> set[str]:
    categories = basis.categories
    for _ in assumed.changes:  # one change may lead to the next
        categories |= {change.target for change in assumed.changes if change.origin in categories}
    return {SCHEMES[category] for category in categories}


def _missing(basis: Basis, assumed: Assumptions) -> Iterator[FieldError]:
    if not basis.people:
        yield FieldError("people", "没有参保人员")
    for scheme in sorted(_peopled(basis, assumed)):
        paid = any(each == scheme for each, _, _ in basis.settled)
        if not paid and not any(each.scheme == scheme for each in assumed.benefits):
            yield FieldError(f"benefits.{scheme}", "既没有拨付数据，也没有假设人均年支付（benefits）")
        stored = any(SCHEMES[each.category] == scheme for each in basis.disabled)
        if not paid and not stored and not any(each.scheme == scheme for each in assumed.prevalence):
            yield FieldError(f"prevalence.{scheme}", "既没有有效的评估结论，也没有假设失能率（prevalence）")
    # Money for nobody would be left out of every year without a word.
    grades = _grades(basis, assumed)
    for number, each in enumerate(assumed.benefits):
        if (each.scheme, each.grade) not in grades:
            reason = f"没有人、今后也没有人属于等级 {each.grade}；请更正量表和等级，或补充失能率（prevalence）"
            yield FieldError(f"benefits.{number}", reason)
    schemes = schemes_of(basis, assumed)
    for number, item in enumerate(assumed.items):
        if item.scheme not in schemes:
            yield FieldError(f"items.{number}", f"{item.name}的险种人群既没有参保人员也没有结余；请更正或删去")


def _grades(basis: Basis, assumed: Assumptions) -> set[tuple[str, str]]:
    """To which grades of which schemes people are or will be disabled; an assumed prevalence replaces the stored."""
    said = {(each.scheme, each.grade) for each in assumed.prevalence}
    replaced, peopled = {scheme for scheme, _ in said}, _peopled(basis, assumed)
    stored = {(SCHEMES[each.category], each.grade) for each in basis.disabled}
    found = said | {(scheme, grade) for scheme, grade in stored if scheme not in replaced}
    return {(scheme, grade) for scheme, grade in found if scheme in peopled}


class _Run:
    """One variant on its way through the years."""

    def __init__(self, basis: Basis, assumed: Assumptions, variant: Variant) -> None:
        self._basis, self._assumed, self._variant = basis, assumed, variant
        self._first = by_place(basis.people)
        self._rates = prevalence(people=basis.people, disabled=basis.disabled, assumed=assumed, variant=variant)
        self._disabled_first = self._disabled(basis.people, 0)
        self._people_first = _by_scheme(basis.people)
        self._unpriced: set[str] = set()

    def course(self, years: int) -> Course:
        flows: list[Flow] = []
        totals: list[Flow] = []
        went: list[Year] = []
        counties: list[CountyYear] = []
        schemes = schemes_of(self._basis, self._assumed)
        balances = {scheme: self._basis.opening.get(scheme, 0) for scheme in schemes}
        people = self._basis.people
        for number in range(years):
            if number:
                year = next_year(people=people, stored=self._basis.people, assumed=self._assumed, variant=self._variant)
                people = year.people
                went.append(year)
            here, of_counties = self._flows(number, people, balances)
            counties += of_counties
            balances = {each.scheme: each.balance_fen for each in here}
            flows += here
            totals.append(total_of(here))
        return Course(
            variant=self._variant,
            flows=flows,
            totals=totals,
            years=went,
            counties=counties,
            unpriced=sorted(self._unpriced),
        )

    def _flows(
        self, number: int, people: People, balances: Mapping[str, int]
    ) -> tuple[list[Flow], Sequence[CountyYear]]:
        disabled = self._disabled(people, number)
        counts = _by_scheme(people)
        at_places = by_place(people)
        collected = self._contributions(number, at_places)
        contributions = _summed(collected, lambda place: SCHEMES[place[1]])
        flows = []
        for scheme, opening in balances.items():
            paid_in = round_half_up(contributions.get(scheme, Fraction(0)))
            income, expense = (self._items(kind, scheme, number, paid_in) for kind in ("income", "expense"))
            interest = round_half_up(max(opening, 0) * self._assumed.rate("interest_rate", self._variant))
            benefits = round_half_up(self._benefits(number, scheme, disabled.get(scheme, {}), counts.get(scheme, 0.0)))
            flows.append(
                Flow(
                    year=self._basis.first_year + number,
                    scheme=scheme,
                    people=counts.get(scheme, 0.0),
                    disabled=disabled.get(scheme, {}),
                    contributions_fen=paid_in,
                    other_income_fen=income,
                    interest_fen=interest,
                    benefits_fen=benefits,
                    other_expense_fen=expense,
                    balance_fen=opening + paid_in + income + interest - benefits - expense,
                )
            )
        return flows, _county_years(self._basis.first_year + number, at_places, collected)

    def _contributions(self, number: int, now: Mapping[Place, float]) -> dict[Place, Fraction]:
        """What is collected at each place: what the pack asks, as its people became more or fewer."""
        due = self._basis.dues[self._variant].get(self._basis.first_year + number, {})
        rate = self._assumed.rate("collection_rate", self._variant)
        found: dict[Place, Fraction] = {}
        for place in sorted({*due, *now}):
            if self._first.get(place):
                asked = due.get(place, 0) * Fraction(now.get(place, 0.0)) / Fraction(self._first[place])
            elif now.get(place):
                # Nobody of this category stood in this county: they pay what its people pay elsewhere.
                asked = self._average(place[1], due) * Fraction(now[place])
            else:
                asked = Fraction(due[place])
            found[place] = asked * rate
        return found

    def _average(self, category: str, due: Mapping[Place, int]) -> Fraction:
        people = math.fsum(count for place, count in self._first.items() if place[1] == category)
        fen = sum(due.get(place, 0) for place in self._first if place[1] == category)
        if not people:
            self._unpriced.add(category)
            return Fraction(0)
        return Fraction(fen) / Fraction(people)

    def _disabled(self, people: People, number: int) -> dict[str, dict[str, float]]:
        """How many are disabled by scheme and grade, so many years on."""
        trend = float(self._assumed.grown("prevalence_growth", self._variant, number))
        found: dict[str, dict[str, list[float]]] = {}
        for cell, count in sorted(people.items()):
            scheme = SCHEMES[cell.category]
            for grade, rate in self._rates.get((scheme, cell.sex, cell.age), {}).items():
                found.setdefault(scheme, {}).setdefault(grade, []).append(count * min(rate * trend, 1.0))
        return {
            scheme: {grade: math.fsum(held) for grade, held in sorted(grades.items())}
            for scheme, grades in sorted(found.items())
        }

    def _benefits(self, number: int, scheme: str, disabled: Mapping[str, float], people: float) -> Fraction:
        change = self._assumed.grown("price_growth", self._variant, number)
        change *= self._assumed.grown("take_up_growth", self._variant, number)
        year = self._basis.first_year + number
        said = {  # the latest of each grade
            each.grade: each.fen.of(self._variant)
            for each in sorted(self._assumed.benefits, key=lambda each: each.since)
            if each.scheme == scheme and each.since <= year
        }
        assumed = sum((fen * Fraction(disabled.get(grade, 0.0)) for grade, fen in said.items()), Fraction(0))
        yearly = Fraction(MONTHS_A_YEAR, max(self._basis.settled_months, 1))
        settled = sum(
            (
                fen * yearly * self._measure(scheme, grade, disabled, people)
                for (at, grade, _), fen in sorted(self._basis.settled.items())
                if at == scheme and grade not in said
            ),
            Fraction(0),
        )
        return change * (assumed + settled * self._kept(scheme))

    def _kept(self, scheme: str) -> Fraction:
        """Which part of what was paid did not come back: nobody knows of which grade it was."""
        paid = sum(fen for (at, _, _), fen in self._basis.settled.items() if at == scheme)
        return 1 - Fraction(min(self._basis.returned.get(scheme, 0), paid), paid) if paid > 0 else Fraction(1)

    def _measure(self, scheme: str, grade: str, disabled: Mapping[str, float], people: float) -> Fraction:
        """How many times as many as today: of the grade, else of all who are disabled, else of the scheme."""
        before = self._disabled_first.get(scheme, {})
        for then, now in (
            (before.get(grade, 0.0), disabled.get(grade, 0.0)),
            (math.fsum(before.values()), math.fsum(disabled.values())),
            (self._people_first.get(scheme, 0.0), people),
        ):
            if then:
                return Fraction(now) / Fraction(then)
        return Fraction(1)

    def _items(self, kind: str, scheme: str, number: int, contributions_fen: int) -> int:
        return sum(
            round_half_up(
                each.amount.of(self._variant)
                * (contributions_fen if each.of_contributions else (1 + each.growth.of(self._variant)) ** number)
            )
            for each in self._assumed.items
            if each.kind == kind and each.scheme == scheme
        )


def _by_scheme(people: People) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for cell, count in people.items():
        found.setdefault(SCHEMES[cell.category], []).append(count)
    return {scheme: math.fsum(counts) for scheme, counts in found.items()}


def _summed(amounts: Mapping[Place, Fraction], of: Callable[[Place], str]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for place, amount in amounts.items():
        found[of(place)] = found.get(of(place), Fraction(0)) + amount
    return found


def _county_years(
    year: int, people: Mapping[Place, float], collected: Mapping[Place, Fraction]
) -> Sequence[CountyYear]:
    contributions = _summed(collected, lambda place: place[0])
    standing: dict[str, list[float]] = {}
    for (county, _), count in people.items():
        standing.setdefault(county, []).append(count)
    return [
        CountyYear(
            year=year,
            county=county,
            people=math.fsum(standing.get(county, ())),
            contributions_fen=round_half_up(contributions.get(county, Fraction(0))),
        )
        for county in sorted({*standing, *contributions})
    ]
