"""What a whole pool would owe under a pack, counted at once and without writing anything.

The rules are those of a run (`contribution_rule`), resolved once for each position and month; their
arithmetic is done on arrays of whole fen, to the same fen for everybody. A year's contributions are
those that pay for it: its months, and a yearly collection once, in the first month that finds somebody.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import numpy as np
from changhu_common.periods import Month
from changhu_policies import Pack, PolicyNotInForce
from numpy.typing import NDArray

from enrollment.domain.contribution import ContributionRule, collection_period, contribution_rule
from enrollment.domain.population import Horizon, Integers, Population, Position

# What an array of 64-bit integers holds; beyond it Python's own integers count, slower and as exactly.
INT64_MAX: Final = 2**63 - 1

# So many at once stay in the processor's cache, which makes the whole three times as fast.
BASES_AT_ONCE: Final = 32_768

# A yearly collection pays for a year at most so far ahead, and goes on into the year after its own.
YEARS_BEFORE: Final = 2
YEARS_AFTER: Final = 1

Fen = NDArray[Any]


def horizon_of(year: int) -> Horizon:
    """All months in which something may be collected that pays for the year."""
    return Horizon.years(year - YEARS_BEFORE, year + YEARS_AFTER)


def amounts_due(rule: ContributionRule, bases_fen: Fen) -> dict[str, Fen]:
    """What each payer owes for each base, in fen: `rule.due` for all of them at once.

    The bases must not be negative. An array of objects comes back where 64 bits would not hold a product.
    """
    if not rule.needs_base:
        due = rule.due()
        known: dict[str, int] = {}
        for part in due.parts:
            known[part.payer] = known.get(part.payer, 0) + part.fen
        return {payer: _same(fen, len(bases_fen)) for payer, fen in known.items()}
    if len(bases_fen) and int(bases_fen.max()) > base_fen_max(rule):
        bases_fen = bases_fen.astype(object)
    paid: dict[str, Fen] = {}
    for share, fen in zip(rule.shares, _shares(rule, bases_fen), strict=True):
        left: Fen = fen
        for payer in share.payers:
            taken: Fen = left if payer.fen_max is None else np.minimum(left, payer.fen_max)
            left = left - taken
            paid[payer.payer] = paid[payer.payer] + taken if payer.payer in paid else taken
    return paid


def totals_due(rule: ContributionRule, bases_fen: Fen, times: Integers) -> dict[str, int]:
    """What each payer owes in all, in fen, the amount for each base so many times."""
    totals: dict[str, int] = {}
    for begin in range(0, len(bases_fen), BASES_AT_ONCE):
        block = slice(begin, begin + BASES_AT_ONCE)
        for payer, fen in amounts_due(rule, bases_fen[block]).items():
            totals[payer] = totals.get(payer, 0) + exact_sum(fen, times[block])
    return totals


def base_fen_max(rule: ContributionRule) -> int:
    """The largest base with which no product of this rule leaves 64 bits."""
    rates = [share.rate for share in rule.shares]
    whole = sum(rates, Fraction(0))
    # What is multiplied: twice the base by a rate's numerator, plus its denominator; the total by a share of it.
    limits = [(INT64_MAX - rate.denominator) // (2 * rate.numerator) for rate in (*rates, whole) if rate]
    if rule.rest is not None and whole:
        largest = max((rate / whole).numerator for rate in rates)
        limits += [int((INT64_MAX // largest - 1) / whole)] if largest else []
    return min((INT64_MAX, *limits))


def _same(fen: int, count: int) -> Fen:
    return np.full(count, fen, dtype=np.int64 if fen <= INT64_MAX else object)


def _shares(rule: ContributionRule, bases_fen: Fen) -> list[Fen]:
    """Each share's amount: rounded by itself, or what it has of the rounded total."""
    rates = [share.rate for share in rule.shares]
    if rule.rest is None:
        portions = {rate: _portion(bases_fen, rate) for rate in set(rates)}
        return [portions[rate] for rate in rates]
    whole = sum(rates, Fraction(0))
    total = _portion(bases_fen, whole)
    parts = [rate / whole if whole else Fraction(0) for rate in rates]
    fen = [total * part.numerator // part.denominator for part in parts]
    left = total - sum(fen)
    return [each + left if share.name == rule.rest else each for share, each in zip(rule.shares, fen, strict=True)]


def _portion(bases_fen: Fen, rate: Fraction) -> Fen:
    """Half up to the fen, as for one person: `(2 × base × numerator + denominator) ÷ (2 × denominator)`."""
    found: Fen = (bases_fen * (2 * rate.numerator) + rate.denominator) // (2 * rate.denominator)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One rule, and the months (by their numbers) in which it holds for a position; `once` a year, or monthly."""

    rule: ContributionRule
    months: NDArray[np.bool_]
    once: bool


Terms = Mapping[Position, Sequence[Term]]


def terms_of(pack: Pack, people: Population, year: int) -> Terms:
    """The rules that pay for the year, for every position and month that occurs; PolicyMissing names what is not there.

    Whom the pack does not insure, and months in which a collection has not begun, have none.
    """
    found: dict[Position, Sequence[Term]] = {}
    for number, position in enumerate(people.positions):
        spans = people.spans(number)
        if spans.start == spans.stop or not pack.insures(position.category):
            continue
        months = range(int(people.first[spans].min()), int(people.last[spans].max()) + 1)
        found[position] = _terms(pack, position, people.horizon, months, year)
    return found


def _terms(pack: Pack, position: Position, horizon: Horizon, numbers: range, year: int) -> Sequence[Term]:
    months: dict[ContributionRule, NDArray[np.bool_]] = {}
    for number in numbers:
        month = horizon.month(number)
        try:
            rule = _rule(pack, position, month, year)
        except PolicyNotInForce:
            continue
        if rule is not None:
            months.setdefault(rule, np.zeros(horizon.count, dtype=np.bool_))[number] = True
    return [Term(rule=rule, months=there, once="-" not in rule.period) for rule, there in months.items()]


def _rule(pack: Pack, position: Position, month: Month, year: int) -> ContributionRule | None:
    """The rule of a month as a run asks for it, where it pays for the year; a month's own name does not matter."""
    on = month.last
    collection = pack.value("contribution.collection", on=on, category=position.category, county=position.county)
    _, period = collection_period(collection.value, on)
    if not period.startswith(str(year)):
        return None
    rule = contribution_rule(
        pack=pack,
        category=position.category,
        county=position.county,
        marks=position.marks,
        family_account=position.family_account,
        on=on,
    )
    return replace(rule, period=period if "-" not in period else f"{year}-")


@dataclass(slots=True, kw_only=True)
class Charged:
    """What a pack asks of a population for a year: in fen by place (category, county) and by payer.

    People are those who would stand in a run, also with nothing to pay; `without_base` could not be counted.
    """

    due_at: dict[tuple[str, str], int] = field(default_factory=dict)
    persons_at: dict[tuple[str, str], int] = field(default_factory=dict)
    due_from: dict[str, int] = field(default_factory=dict)
    persons: int = 0
    without_base: int = 0

    @property
    def due_fen(self) -> int:
        return sum(self.due_from.values())


def charge(people: Population, terms: Terms) -> Charged:
    """Apply the rules to everybody."""
    charged = Charged()
    owing = np.zeros(people.persons, dtype=np.bool_)
    lacking = np.zeros(people.persons, dtype=np.bool_)
    earliest = _earliest(people, terms)
    for number, position in enumerate(people.positions):
        spans = people.spans(number)
        base_fen, person = people.base_fen[spans], people.person[spans]
        owes = np.zeros(len(person), dtype=np.bool_)
        for term in terms.get(position, ()):
            times = _times(people, spans, term, earliest)
            counted = times > 0
            if term.rule.needs_base:
                lacking[person[counted & (base_fen < 0)]] = True
                counted &= base_fen >= 0
            owes |= counted
            chosen = slice(None) if counted.all() else counted
            for payer, total in totals_due(term.rule, base_fen[chosen], times[chosen]).items():
                place = (position.category, position.county)
                charged.due_at[place] = charged.due_at.get(place, 0) + total
                charged.due_from[payer] = charged.due_from.get(payer, 0) + total
        _count_persons(charged, position, person[owes])
        owing[person[owes]] = True
    charged.persons, charged.without_base = int(owing.sum()), int(lacking.sum())
    return charged


def _count_persons(charged: Charged, position: Position, person: Integers) -> None:
    """Count people once each; they stand in order."""
    if len(person):
        place = (position.category, position.county)
        different = 1 + int(np.count_nonzero(person[1:] != person[:-1]))
        charged.persons_at[place] = charged.persons_at.get(place, 0) + different


def _times(people: Population, spans: slice, term: Term, earliest: Integers) -> Integers:
    """How often the rule is applied to each span: in each of its months, or in the one that found the person."""
    first, last = people.first[spans], people.last[spans]
    if not term.once:
        months = np.concatenate([[0], np.cumsum(term.months)])
        monthly: Integers = months[last + 1] - months[first]
        return monthly
    when = earliest[people.person[spans]]
    never = when == people.horizon.count
    # Whom no month finds with a base is still looked for, so that it is said how many they are.
    when = np.where(never, _following(term.months)[first], when)
    there = term.months[np.minimum(when, people.horizon.count - 1)]
    return ((first <= when) & (when <= last) & there).astype(np.int64)


def _earliest(people: Population, terms: Terms) -> Integers:
    """The first month in which a yearly collection finds each person with a base; beyond the horizon if none does."""
    beyond = people.horizon.count
    earliest = np.full(people.persons, beyond, dtype=np.int16)
    for number, position in enumerate(people.positions):
        for term in terms.get(position, ()):
            if term.once:
                spans = people.spans(number)
                found = _following(term.months)[people.first[spans]]
                there = found <= people.last[spans]
                if term.rule.needs_base:
                    there &= people.base_fen[spans] >= 0
                np.minimum.at(earliest, people.person[spans], np.where(there, found, beyond))
    return earliest


def _following(months: NDArray[np.bool_]) -> Integers:
    """For each month the first one from it on in which the collection runs."""
    following = np.full(len(months), len(months), dtype=np.int16)
    found = np.flatnonzero(months)
    for before, number in pairwise([-1, *found.tolist()]):
        following[before + 1 : number + 1] = number
    return following


def exact_sum(fen: Fen, times: Integers) -> int:
    """The sum of products, in Python's own integers where 64 bits might not hold it."""
    if not len(fen):
        return 0
    if fen.dtype != object and int(fen.max()) * int(times.max()) * len(fen) <= INT64_MAX:
        return int(fen @ times)
    return sum(map(operator.mul, fen.tolist(), times.tolist()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An amount under the pack in force and under the draft, in fen, and who owes it."""

    category: str
    county: str
    persons: int
    draft_persons: int
    due_fen: int
    draft_fen: int


def compared_at(now: Charged, draft: Charged) -> Iterator[Compared]:
    """Both packs side by side, for each category and county in which anybody owes anything."""
    places = sorted(now.persons_at.keys() | draft.persons_at.keys())
    for category, county in places:
        at = (category, county)
        yield Compared(
            category=category,
            county=county,
            persons=now.persons_at.get(at, 0),
            draft_persons=draft.persons_at.get(at, 0),
            due_fen=now.due_at.get(at, 0),
            draft_fen=draft.due_at.get(at, 0),
        )
