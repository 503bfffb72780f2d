"""The shapes that a rule's value can have, and how each is read from what a pack writes.

A shape reads what is written or raises a ValueError that says what is wrong with it. A number
that money is multiplied with is written as a text, so that it stays exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final, Literal

from changhu_common.money import exact

from changhu_policies.vocabulary import SHARES, STATISTICS

COUNT_MAX: Final = 10**15  # ten trillion yuan in fen: what exceeds it is a slip of the keyboard

AGE_MAX: Final = 150  # years; nobody grows older, and a day of such a birthday still has a date

Shape = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBase:
    """The person's own base: the wage insured, the account's credit, the pension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatBase:
    """The same amount for everybody, for one collection period."""

    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticBase:
    """A factor of a yearly statistic, of a month's part of it where a month pays; `years_back` counts
    from the year of collection.
    """

    statistic: str
    factor: Fraction
    years_back: int


ContributionBase = OwnBase | FlatBase | StatisticBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How often is collected and what it pays for; a yearly collection begins in `month`.

    It pays for the calendar year `years_ahead` of the one in which it began.
    """

    every: Literal["month", "year"]
    month: int = 1
    years_ahead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """Each share by itself, or the total first: then `rest` takes what the other shares' whole fen leave."""

    rest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBase:
    """What a limit is measured in: a yearly statistic, divided by 12 for a month."""

    statistic: str
    years_back: int
    divided_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """For so many months only this part of the ratio is paid."""

    months: int
    of_ratio: Fraction


def text(written: Any) -> str:
    if not isinstance(written, str) or not written.strip():
        raise ValueError("must be a text")
    return written


def ratio(written: Any) -> Fraction:
    """A rate as the document writes it ("0.2%"); YAML's 0.2 is a float, and no float is exact."""
    if not isinstance(written, str):
        raise ValueError('must be written as a text, as in "80%"')
    try:
        value = exact(written)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"is no ratio: {written!r}") from error
    if not 0 <= value <= 1:
        raise ValueError(f"must lie between 0 and 100%: {written!r}")
    return value


def count(written: Any) -> int:
    """Fen, months, days, people: a whole number that is not negative."""
    if type(written) is not int or not 0 <= written <= COUNT_MAX:
        raise ValueError("must be a whole number and not negative")
    return written


def age(written: Any) -> int:
    """Whole years of a person's life."""
    if type(written) is not int or not 1 <= written <= AGE_MAX:
        raise ValueError(f"must be an age in whole years, from 1 to {AGE_MAX}")
    return written


def day(written: Any) -> date:
    if type(written) is date:
        return written
    try:
        return date.fromisoformat(written)
    except (TypeError, ValueError):
        raise ValueError("must be a day, as in 2021-01-01") from None


def one_of(*words: str) -> Shape:
    def read(written: Any) -> str:
        if written not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(written)

    return read


def some_of(*words: str) -> Shape:
    def read(written: Any) -> tuple[str, ...]:
        if not isinstance(written, list) or len(set(map(str, written))) != len(written):
            raise ValueError("must be a list without repetition")
        return tuple(one_of(*words)(each) for each in written)

    return read


def texts(written: Any) -> tuple[str, ...]:
    if not isinstance(written, list) or len(set(map(str, written))) != len(written):
        raise ValueError("must be a list without repetition")
    return tuple(text(each) for each in written)


def _members(written: Any, needed: set[str], allowed: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    if not isinstance(written, dict) or not needed <= set(written) <= needed | allowed:
        raise ValueError(f"must say {', '.join(sorted(needed | allowed))}")
    return written


def base(written: Any) -> ContributionBase:
    """`own`, `{flat_fen: 10000}`, or `{statistic: …, factor: 60%, years_back: 1, divided_by: 12}`."""
    if written == "own":
        return OwnBase()
    if isinstance(written, dict) and "flat_fen" in written:
        return FlatBase(fen=count(_members(written, {"flat_fen"})["flat_fen"]))
    said = _members(written, {"statistic", "factor", "years_back"}, frozenset({"divided_by"}))
    return StatisticBase(
        statistic=one_of(*STATISTICS)(said["statistic"]),
        factor=ratio(said["factor"]) / _divisor(said.get("divided_by", 1)),
        years_back=count(said["years_back"]),
    )


def collection(written: Any) -> Collection:
    """`monthly`, or `{yearly: 9, years_ahead: 1}`: begins in September, pays for the next year."""
    if written == "monthly":
        return Collection(every="month")
    said = _members(written, {"yearly"}, frozenset({"years_ahead"}))
    month = count(said["yearly"])
    if not 1 <= month <= 12:
        raise ValueError("a yearly collection begins in a month from 1 to 12")
    return Collection(every="year", month=month, years_ahead=count(said.get("years_ahead", 0)))


def rounding(written: Any) -> Rounding:
    """`each_share`, or `{total: government}`: the total is rounded, that share takes the odd fen."""
    if written == "each_share":
        return Rounding()
    return Rounding(rest=one_of(*SHARES)(_members(written, {"total"})["total"]))


def limit_base(written: Any) -> LimitBase:
    """`{statistic: …, years_back: 1, divided_by: 12}`."""
    said = _members(written, {"statistic", "years_back", "divided_by"})
    return LimitBase(
        statistic=one_of(*STATISTICS)(said["statistic"]),
        years_back=count(said["years_back"]),
        divided_by=_divisor(said["divided_by"]),
    )


def _divisor(written: Any) -> int:
    if count(written) == 0:
        raise ValueError("cannot be divided by 0")
    return int(written)


def steps(written: Any) -> tuple[Step, ...]:
    """`[{months: 12, of_ratio: 80%}, …]`, one after the other; `[]` where nothing is lowered."""
    if not isinstance(written, list):
        raise ValueError("must be a list of months and of_ratio")
    said = [_members(each, {"months", "of_ratio"}) for each in written]
    return tuple(Step(months=count(each["months"]), of_ratio=ratio(each["of_ratio"])) for each in said)
