"""The arrays count what the rules count, person by person and month by month."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from changhu_common.periods import Month
from changhu_policies import Pack, PolicyMissing, PolicyNotInForce, Supplied, build_pack, load_pack
from changhu_policies.folders import amended, read_pack
from changhu_policies.vocabulary import PAYERS, SHARES
from enrollment.domain.contribution import ContributionRule, Payer, Share, contribution_rule
from enrollment.domain.population import NEVER, NO_BASE_FEN, CoverageRows, Population, Position, population
from enrollment.domain.simulation import (
    INT64_MAX,
    Charged,
    amounts_due,
    base_fen_max,
    charge,
    exact_sum,
    horizon_of,
    terms_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

POOL = "211100"
COUNTIES = sorted(load_pack(POOL).counties)[:2]
YEAR = 2026
EPOCH = date(1970, 1, 1)

rates = st.builds(Fraction, st.integers(0, 2000), st.sampled_from([1, 3, 100, 1000, 2000, 10_000, 1_000_000])).filter(
    lambda rate: rate <= 1
)
bases = st.one_of(st.integers(0, 10**7), st.integers(0, INT64_MAX))


def payer(name: str, fen_max: int | None = None) -> Payer:
    return Payer(payer=name, clause="试", status="stated", readings=(), fen_max=fen_max)


@st.composite
def rules(draw: st.DrawFn) -> ContributionRule:
    names = draw(st.lists(st.sampled_from(sorted(SHARES)), unique=True, max_size=3))
    payers = st.sampled_from(sorted(PAYERS))
    subsidies = st.lists(st.builds(payer, payers, st.integers(0, 10_000)), max_size=2)
    shares = tuple(Share(name=name, rate=draw(rates), payers=(*draw(subsidies), payer(draw(payers)))) for name in names)
    return ContributionRule(
        pool=POOL,
        category="employee",
        period="2026-07",
        base=draw(st.one_of(st.none(), st.builds(Fraction, st.integers(0, 10**15), st.integers(1, 12)))),
        shares=shares,
        rest=draw(st.sampled_from([None, *names])),
        pack_version="试",
    )


def paid_to(rule: ContributionRule, base_fen: int) -> Counter[str]:
    paid: Counter[str] = Counter()
    for part in rule.due(base_fen).parts:
        paid[part.payer] += part.fen
    return paid


@given(rules(), st.lists(bases, min_size=1, max_size=20))
@settings(max_examples=300)
def test_many_people_at_once_owe_to_the_fen_what_each_owes_alone(rule: ContributionRule, bases: list[int]) -> None:
    amounts = amounts_due(rule, np.array(bases, dtype=np.int64))
    for number, base_fen in enumerate(bases):
        at_once = Counter({payer: int(fen[number]) for payer, fen in amounts.items() if fen[number]})
        assert at_once == paid_to(rule, base_fen)


@given(rules().filter(lambda rule: rule.needs_base))
def test_the_largest_base_that_64_bits_hold_is_still_exact_in_them(rule: ContributionRule) -> None:
    for base_fen in {max(base_fen_max(rule), 0), min(base_fen_max(rule) + 1, INT64_MAX)}:
        amounts = amounts_due(rule, np.array([base_fen], dtype=np.int64))
        assert Counter({each: int(fen[0]) for each, fen in amounts.items() if fen[0]}) == paid_to(rule, base_fen)
    at_limit = amounts_due(rule, np.array([max(base_fen_max(rule), 0)], dtype=np.int64))
    assert {fen.dtype for fen in at_limit.values()} <= {np.dtype(np.int64)}


@given(st.lists(st.tuples(st.integers(0, INT64_MAX), st.integers(0, 12)), min_size=1))
def test_a_sum_that_64_bits_cannot_hold_is_exact_all_the_same(products: list[tuple[int, int]]) -> None:
    fen, times = (np.array(each, dtype=np.int64) for each in zip(*products, strict=True))
    assert exact_sum(fen, times) == sum(one * other for one, other in products)


# Whole lives: what a run would find, month by month.


@dataclass(frozen=True)
class Insured:
    category: str
    start: date
    end: date | None
    bases: tuple[tuple[date, int], ...]


@dataclass(frozen=True)
class Someone:
    county: str
    marks: tuple[str, ...]
    family_account: bool
    died_on: date | None
    coverages: tuple[Insured, ...]

    def position(self, category: str) -> Position:
        return Position(category=category, county=self.county, marks=self.marks, family_account=self.family_account)

    def found_in(self, month: Month) -> Insured | None:
        """As a run finds somebody: insured on a day of the month, alive on its first, in the earlier category."""
        if self.died_on is not None and self.died_on < month.first:
            return None
        there = (c for c in self.coverages if c.start <= month.last and (c.end is None or c.end >= month.first))
        return min(there, key=lambda c: c.start, default=None)


def base_in(insured: Insured, month: Month) -> int | None:
    return next((fen for since, fen in reversed(insured.bases) if since <= month.first), None)


days = st.dates(date(YEAR - 2, 1, 1), date(YEAR + 1, 12, 31))


@st.composite
def people(draw: st.DrawFn) -> Someone:
    turns = sorted(draw(st.sets(days, min_size=1, max_size=5)))
    coverages = []
    for number in range(0, len(turns), 2):
        end = turns[number + 1] if number + 1 < len(turns) else None
        if draw(st.booleans()) and number + 2 < len(turns):
            end = turns[number + 2] - timedelta(days=1)
        since = sorted({Month.of(day).first for day in draw(st.sets(days, max_size=3))})
        known = tuple((day, draw(st.integers(0, 10**7))) for day in since)
        category = draw(st.sampled_from(["employee", "retiree", "flexible"]))
        coverages.append(Insured(category, turns[number], end, known))
    return Someone(
        draw(st.sampled_from(COUNTIES)),
        tuple(draw(st.sampled_from([(), ("low_income",), ("medical_assistance",), ("bankrupt_firm_retiree",)]))),
        draw(st.booleans()),
        draw(st.one_of(st.none(), days)),
        tuple(coverages),
    )


def as_population(people: Sequence[Someone], *, year: int = YEAR) -> Population:
    positions: dict[Position, int] = {}
    rows: list[tuple[Any, ...]] = []
    for someone in people:
        new = True
        for coverage in someone.coverages:
            position = positions.setdefault(someone.position(coverage.category), len(positions))
            for since, fen in coverage.bases or ((None, NO_BASE_FEN),):
                rows.append(
                    (new, position, _day(coverage.start), _day(coverage.end), _day(someone.died_on), _day(since), fen)
                )
                new = False
    columns = [np.array(each) for each in zip(*rows, strict=True)]
    return population(CoverageRows(positions=tuple(positions), **_named(columns)), horizon_of(year))


def _named(columns: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("new_person", "position", "start", "end", "died", "since", "base_fen"), columns, strict=True))


def _day(day: date | None) -> int:
    return NEVER if day is None else (day - EPOCH).days


def one_by_one(pack: Pack, people: Sequence[Someone], *, year: int = YEAR) -> Charged:
    """What the runs of all months would store for these people, counted plainly."""
    charged = Charged()
    horizon = horizon_of(year)
    for someone in people:
        done: set[str] = set()
        places: set[tuple[str, str]] = set()
        lacks = False
        for number in range(horizon.count):
            month = horizon.month(number)
            insured = someone.found_in(month)
            if insured is None:
                continue
            try:
                rule = contribution_rule(
                    pack=pack, category=insured.category, county=someone.county, marks=someone.marks,
                    family_account=someone.family_account, on=month.last,
                )  # fmt: skip
            except PolicyNotInForce:
                continue
            if rule.period in done or not rule.period.startswith(str(year)):
                continue
            base_fen = base_in(insured, month)
            if rule.needs_base and base_fen is None:
                lacks = lacks or "-" in rule.period
                continue
            done.add(rule.period)
            place = (insured.category, someone.county)
            places.add(place)
            due = rule.due(base_fen)
            charged.due_at[place] = charged.due_at.get(place, 0) + due.due_fen
            for part in due.parts:
                charged.due_from[part.payer] = charged.due_from.get(part.payer, 0) + part.fen
        for place in places:
            charged.persons_at[place] = charged.persons_at.get(place, 0) + 1
        charged.persons += bool(places)
        charged.without_base += lacks
    return charged


def pack_saying(**parameters: Any) -> Pack:
    entries = {
        f"contribution.{name}": [
            {"clause": "试", "status": "stated", **each} for each in (said if isinstance(said, list) else [said])
        ]
        for name, said in parameters.items()
    }
    return build_pack(amended(read_pack(POOL), entries), Supplied())


MONTHLY = load_pack(POOL)
RATES_THAT_CHANGE = pack_saying(
    rate=[
        {"share": ["employer", "person"], "value": "0.2%", "to": date(YEAR, 5, 31)},
        {"share": ["employer", "person"], "value": "0.25%", "from": date(YEAR, 6, 1)},
    ]
)
YEARLY = pack_saying(
    collection={"value": {"yearly": 9, "years_ahead": 1}},
    base={"value": {"flat_fen": 10_001}},
    rate={"share": ["employer", "person"], "value": "50%"},
    rounding={"value": {"total": "employer"}},
)
MIXED = pack_saying(
    collection=[
        {"category": "employee", "value": "monthly"},
        {"category": ["retiree", "flexible"], "value": {"yearly": 1}},
    ]
)


@pytest.mark.parametrize(
    "pack", [MONTHLY, RATES_THAT_CHANGE, YEARLY, MIXED], ids=["monthly", "changing", "yearly", "mixed"]
)
@given(crowd=st.lists(people(), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_year_is_what_its_runs_would_find_for_each_person(pack: Pack, crowd: list[Someone]) -> None:
    at_once, plainly = as_population(crowd), one_by_one(pack, crowd)
    charged = charge(at_once, terms_of(pack, at_once, YEAR))
    assert {place: fen for place, fen in charged.due_at.items() if fen} == {
        place: fen for place, fen in plainly.due_at.items() if fen
    }
    assert Counter(charged.due_from) == Counter(plainly.due_from)
    assert charged.persons_at == plainly.persons_at
    assert charged.persons == plainly.persons
    if pack is not MIXED and pack is not YEARLY:
        assert charged.without_base == plainly.without_base


def test_a_value_that_is_missing_for_anybody_is_named_before_anything_is_counted() -> None:
    retired = Insured("retiree", date(2020, 1, 1), None, ((date(2020, 1, 1), 321_777),))
    crowd = as_population([Someone(COUNTIES[0], ("no_personal_account",), False, None, (retired,))])
    with pytest.raises(PolicyMissing) as refusal:
        terms_of(MONTHLY, crowd, YEAR)
    assert refusal.value.members["parameter"] == "contribution.base_by_mark"


def test_whom_a_draft_does_not_insure_owes_nothing_under_it() -> None:
    crowd = as_population([Someone(COUNTIES[0], (), False, None, (Insured("resident", date(2020, 1, 1), None, ()),))])
    assert charge(crowd, terms_of(MONTHLY, crowd, YEAR)) == Charged()
