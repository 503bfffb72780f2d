"""What is due is a rule applied to a base; the rule is the same for everybody in the same position.

A rule is resolved once for a category, its marks and a month, and is then whole-number arithmetic
for each person. Each part says who pays it, by which clause, and how firmly; what one payer owes by
one clause is one part.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_policies import Pack, PolicyMissing, Status, Value, weakest
from changhu_policies.shapes import Collection as CollectionRule
from changhu_policies.shapes import ContributionBase, FlatBase, StatisticBase
from changhu_policies.vocabulary import FAMILY_ACCOUNT

# The share whose payer a mark or a relative's account may change.
PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one payer owes for one collection period (应缴的一个来源)."""

    payer: str
    fen: int
    clause: str
    status: Status
    readings: tuple[str, ...] = ()  # what was read into the document, and the papers of what was supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What is due for one person and period (应征). `due_fen` is the sum of the parts."""

    period: str
    due_fen: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays a share; up to `fen_max` where a subsidy is a fixed amount, the next payer the rest."""

    payer: str
    clause: str
    status: Status
    readings: tuple[str, ...]
    fen_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One side's rate of the base, and its payers in order (分担)."""

    name: str
    rate: Fraction
    payers: tuple[Payer, ...]

    def parts(self, fen: int) -> Iterator[Part]:
        for payer in self.payers:
            paid = fen if payer.fen_max is None else min(fen, payer.fen_max)
            fen -= paid
            if paid:
                yield Part(
                    payer=payer.payer,
                    fen=paid,
                    clause=payer.clause,
                    status=payer.status,
                    readings=payer.readings,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionRule:
    """How a contribution is counted for everybody of one category and marks, for one period.

    `base` is None where each person's own base counts. `rest` names the share that takes what is
    left of the rounded total (`contribution.rounding`); None rounds each share by itself.
    """

    pool: str
    category: str
    period: str
    base: Fraction | None
    shares: tuple[Share, ...]
    rest: str | None
    pack_version: str

    @property
    def needs_base(self) -> bool:
        return self.base is None and bool(self.shares)

    def due(self, base_fen: int | None = None) -> Contribution:
        """What one person owes. Raises InvalidInput where the person's own base counts and is not given."""
        if not self.needs_base:
            base: Fraction | int = self.base or 0
        elif base_fen is None or base_fen < 0:
            reason = "按本人基数缴费，须给出不为负的基数"
            raise InvalidInput("缺少缴费基数。", errors=[FieldError("base_fen", reason)])
        else:
            base = base_fen
        parts = _one_of_each(
            part for share, fen in zip(self.shares, self.amounts(base), strict=True) for part in share.parts(fen)
        )
        return Contribution(period=self.period, due_fen=sum(part.fen for part in parts), parts=parts)

    def amounts(self, base: Fraction | int) -> list[int]:
        """What each share comes to of a base."""
        if self.rest is None:
            return [_portion(base, share.rate) for share in self.shares]
        rate = sum((share.rate for share in self.shares), Fraction(0))
        total = _portion(base, rate)
        whole = [total * share.rate // rate if rate else 0 for share in self.shares]
        left = total - sum(whole)
        return [fen + left * (share.name == self.rest) for share, fen in zip(self.shares, whole, strict=True)]


def _portion(base: Fraction | int, rate: Fraction) -> int:
    """`round_half_up(base * rate)` in whole numbers, because a whole city waits for it."""
    numerator, denominator = base.numerator * rate.numerator, base.denominator * rate.denominator
    return (2 * numerator + denominator) // (2 * denominator)


def _one_of_each(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts in order, those of one payer by one clause added up."""
    merged: dict[tuple[str, str], Part] = {}
    for part in parts:
        key = (part.payer, part.clause)
        if (first := merged.get(key)) is not None:
            part = replace(
                first,
                fen=first.fen + part.fen,
                status=weakest(first.status, part.status),
                readings=tuple(dict.fromkeys(first.readings + part.readings)),
            )
        merged[key] = part
    return tuple(merged.values())


def contribution_rule(
    *,
    pack: Pack,
    category: str,
    on: date,
    marks: Collection[str] = (),
    county: str | None = None,
    family_account: bool = False,
) -> ContributionRule:
    """The rule for a category on a day; the pack's `contribution.*` decide.

    Raises PolicyMissing, or PolicyNotInForce before the pack or the category's collection begins.
    """
    collection = pack.value("contribution.collection", on=on, category=category, county=county)
    begun, period = collection_period(collection.value, on)
    case = _Case(
        pack=pack,
        category=category,
        county=county,
        on=max(begun, collection.start),
        there=frozenset(marks) | ({FAMILY_ACCOUNT} if family_account else frozenset()),
    )
    shares = case.value("contribution.shares").value
    rule = ContributionRule(
        pool=pack.pool, category=category, period=period, base=None, shares=(), rest=None, pack_version=pack.version
    )
    if not shares:
        return rule
    base = case.of_first_mark("contribution.base_by_mark") or case.value("contribution.base")
    rounding = case.value("contribution.rounding")
    figures = _figures(pack, base.value, begun.year)
    return replace(
        rule,
        base=_known_base(base.value, figures),
        shares=tuple(_share(case, name, resting_on=(collection, base, rounding, *figures)) for name in shares),
        rest=rounding.value.rest,
    )


def collection_period(collection: CollectionRule, on: date) -> tuple[date, str]:
    """The first day of the collection that a day belongs to, and the period that it pays for."""
    if collection.every == "month":
        month = Month.of(on)
        return month.first, str(month)
    year = on.year if on.month >= collection.month else on.year - 1
    return date(year, collection.month, 1), str(year + collection.years_ahead)


def _figures(pack: Pack, base: ContributionBase, year: int) -> tuple[Value, ...]:
    """The statistic that a base of a year rests on, where it rests on one."""
    if isinstance(base, StatisticBase):
        return (pack.statistic(base.statistic, year - base.years_back),)
    return ()


def _known_base(base: ContributionBase, figures: Sequence[Value]) -> Fraction | None:
    """The base where it is everybody's: unrounded, because only the contribution is an amount."""
    if isinstance(base, FlatBase):
        return Fraction(base.fen)
    if isinstance(base, StatisticBase):
        return base.factor * sum(int(figure.value) for figure in figures)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One position that people are in: what a pack is asked about, again and again."""

    pack: Pack
    category: str
    county: str | None
    on: date
    there: frozenset[str]

    def value(self, parameter: str, *, share: str | None = None) -> Value:
        return self.pack.value(parameter, on=self.on, category=self.category, county=self.county, share=share)

    def find(self, parameter: str, mark: str) -> Value | None:
        return self.pack.find(parameter, on=self.on, category=self.category, county=self.county, mark=mark)

    def marks_of(self, parameter: str) -> list[str]:
        """The marks that are there and of which the parameter speaks, in the order of `contribution.mark_order`."""
        order = self.value("contribution.mark_order").value if self.there else ()
        return [mark for mark in order if self.there.issuperset(mark.split("+")) and self._speaks(parameter, mark)]

    def of_first_mark(self, parameter: str) -> Value | None:
        return next((self.find(parameter, mark) for mark in self.marks_of(parameter)), None)

    def _speaks(self, parameter: str, mark: str) -> bool:
        try:
            return self.find(parameter, mark) is not None
        except PolicyMissing:
            return True


def _share(case: _Case, name: str, *, resting_on: tuple[Value, ...]) -> Share:
    """A share with its payers: the person's may be paid by whoever a mark names, in full or in part."""
    rate = case.value("contribution.rate", share=name)
    marked = case.marks_of("contribution.payer_by_mark") if name == PERSON else []
    # The order among the marks is itself a rule, and counts only where two of them compete.
    order = (case.value("contribution.mark_order"),) if len(marked) > 1 else ()
    payers = []
    for mark in marked:
        payer, fixed = case.find("contribution.payer_by_mark", mark), case.find("contribution.subsidy_fen", mark)
        assert payer is not None
        payers.append(_payer(payer, rate, *order, *resting_on, fixed=fixed))
        if fixed is None:
            break
    else:
        payers.append(_payer(case.value("contribution.payer", share=name), rate, *order, *resting_on))
    return Share(name=name, rate=rate.value, payers=tuple(payers))


def _payer(payer: Value, *resting_on: Value, fixed: Value | None = None) -> Payer:
    values = (payer, *resting_on, *((fixed,) if fixed else ()))
    return Payer(
        payer=payer.value,
        clause=payer.clause,
        status=weakest(*(value.status for value in values)),
        readings=tuple(dict.fromkeys(value.remark for value in values if value.remark)),
        fen_max=fixed.value if fixed else None,
    )
