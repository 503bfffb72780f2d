"""What is due is a rule applied to a base; the rule is the same for everybody in the same position.

A rule is resolved once for a category, its marks and a month, and is then whole-number arithmetic
for each person. Each part says who pays it, by which clause, and how firmly.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from changhu_common.errors import FieldError, InvalidInput
from changhu_common.money import round_half_up
from changhu_common.periods import Month
from changhu_policies import Pack, Status, Value, weakest
from changhu_policies.shapes import Collection as CollectionRule
from changhu_policies.shapes import FlatBase, StatisticBase
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
    readings: tuple[str, ...] = ()


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
            base = self.base or Fraction(0)
        elif base_fen is None or base_fen < 0:
            reason = "按本人基数缴费，须给出不为负的基数"
            raise InvalidInput("缺少缴费基数。", errors=[FieldError("base_fen", reason)])
        else:
            base = Fraction(base_fen)
        parts = tuple(
            part
            for share, fen in zip(self.shares, self._amounts(base), strict=True)
            for part in share.parts(fen)
        )
        return Contribution(period=self.period, due_fen=sum(part.fen for part in parts), parts=parts)

    def _amounts(self, base: Fraction) -> list[int]:
        if self.rest is None:
            return [round_half_up(base * share.rate) for share in self.shares]
        rate = sum((share.rate for share in self.shares), Fraction(0))
        total = round_half_up(base * rate)
        whole = [total * share.rate // rate if rate else 0 for share in self.shares]
        left = total - sum(whole)
        return [fen + left * (share.name == self.rest) for share, fen in zip(self.shares, whole, strict=True)]


def contribution_rule(
    *,
    pack: Pack,
    category: str,
    on: date,
    marks: Collection[str] = (),
    county: str | None = None,
    family_account: bool = False,
) -> ContributionRule:
    """The rule for a category on a day; `pack` decides by `contribution.*`.

    Raises PolicyMissing, or PolicyNotInForce before the pack or the category's collection begins.
    """
    begun = pack.value("contribution.collection", on=on, category=category, county=county)
    collected, period = _period(begun.value, on)
    by_mark = _Marks(pack, category, county, frozenset(marks), family_account, max(collected, begun.start))
    basis = by_mark.base()
    shares = tuple(_shares(pack, category, county, by_mark, basis))
    rounding = pack.value("contribution.rounding", on=by_mark.on, category=category, county=county)
    return ContributionRule(
        pool=pack.pool,
        category=category,
        period=period,
        base=_known_base(pack, basis, collected),
        shares=shares,
        rest=rounding.value.rest,
        pack_version=pack.version,
    )


def _period(collection: CollectionRule, on: date) -> tuple[date, str]:
    """The day on which the collection that a day belongs to began, and what it pays for."""
    if collection.every == "month":
        month = Month.of(on)
        return month.first, str(month)
    year = on.year if on.month >= collection.month else on.year - 1
    return date(year, collection.month, 1), str(year + collection.years_ahead)


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a person's marks change, asked in the order that `contribution.mark_order` gives."""

    pack: Pack
    category: str
    county: str | None
    marks: frozenset[str]
    family_account: bool
    on: date

    def _having(self, parameter: str) -> list[tuple[str, Value]]:
        there = self.marks | {FAMILY_ACCOUNT} if self.family_account else self.marks
        order = self.pack.value("contribution.mark_order", on=self.on).value if there else ()
        found = (
            (
                mark,
                self.pack.find(parameter, on=self.on, category=self.category, county=self.county, mark=mark),
            )
            for mark in order
            if there.issuperset(mark.split("+"))
        )
        return [(mark, value) for mark, value in found if value is not None]

    def base(self) -> Value:
        own = self._having("contribution.base_by_mark")
        if own:
            return own[0][1]
        return self.pack.value("contribution.base", on=self.on, category=self.category, county=self.county)

    def payers(self) -> Iterator[Value | tuple[Value, int]]:
        """Who pays the person's share instead of the person: with an amount where that is all they pay."""
        for mark, payer in self._having("contribution.payer_by_mark"):
            fixed = self.pack.find(
                "contribution.subsidy_fen",
                on=self.on,
                category=self.category,
                county=self.county,
                mark=mark,
            )
            yield payer if fixed is None else (payer, fixed.value)
