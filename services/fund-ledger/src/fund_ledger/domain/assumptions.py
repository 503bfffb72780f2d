"""What a projection takes for granted: each value with its source and how firm it is, and none that nobody wrote down.

A value is one number, or three of them: `low` is cautious for the fund, `high` is favourable, and
`middle` lies between. Rates are exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from changhu_common.errors import FieldError, InvalidInput
from changhu_policies.vocabulary import Status

Variant = Literal["low", "middle", "high"]
VARIANTS: Final[Mapping[Variant, str]] = {"low": "低方案（审慎）", "middle": "中方案", "high": "高方案（乐观）"}

SEXES: Final = ("female", "male")

# The last age counts everybody from it on.
AGE_MAX: Final = 105


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A number for each variant, where it comes from and how firm it is."""

    low: Fraction
    middle: Fraction
    high: Fraction
    source: str
    status: Status

    @classmethod
    def same(cls, value: Fraction | int, *, source: str, status: Status) -> "Said":
        """One number for all variants."""
        number = Fraction(value)
        return cls(low=number, middle=number, high=number, source=source, status=status)

    def of(self, variant: Variant) -> Fraction:
        return {"low": self.low, "middle": self.middle, "high": self.high}[variant]

    @property
    def in_order(self) -> bool:
        return self.low <= self.middle <= self.high or self.low >= self.middle >= self.high

    @property
    def numbers(self) -> tuple[Fraction, ...]:
        return (self.low, self.middle, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mortality:
    """A life table (生命表): by sex, from which age on which rate of dying in a year; the ages in order, from 0.

    `factor` multiplies every rate; no rate goes beyond 1. `source` and `status` are the table's.
    """

    female: Sequence[tuple[int, Fraction]]
    male: Sequence[tuple[int, Fraction]]
    factor: Said
    source: str
    status: Status

    def rates(self, sex: str, variant: Variant) -> list[float]:
        """The rate at each age."""
        factor, rates, current = self.factor.of(variant), [], Fraction(0)
        steps = dict(self.female if sex == "female" else self.male)
        for age in range(AGE_MAX + 1):
            current = steps.get(age, current)
            rates.append(float(min(current * factor, Fraction(1))))
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrants:
    """Who joins a category each year at an age, as a share of those who stand in it now, by county and sex alike."""

    category: str
    age: int
    share: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Leavers:
    """Which share of a category leaves the pool each year, beside those who die."""

    category: str
    share: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From which age on somebody of a category belongs to another one (退休、成年); `sex=None` is both."""

    origin: str
    target: str
    sex: str | None
    age: int
    source: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A further income or expense of a scheme (经办服务费、财政补助).

    `amount` is fen a year, growing by `growth`; or, `of_contributions`, a share of what the scheme collects.
    """

    name: str
    kind: Literal["income", "expense"]
    scheme: str
    amount: Said
    of_contributions: bool
    growth: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Prevalence:
    """How many of a scheme's people of a sex, from an age on, are disabled to a grade; instead of what is stored."""

    scheme: str
    sex: str
    age_from: int
    grade: str
    rate: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """What the fund pays in a year (fen) for one person of a grade, from a year on; instead of what was settled."""

    scheme: str
    grade: str
    fen: Said
    since: int


# The numbers that every projection needs, with their names.
RATES: Final[Mapping[str, str]] = {
    "base_growth": "缴费基数年增长率",
    "statistic_growth": "统计指标年增长率",
    "collection_rate": "征缴率",
    "prevalence_growth": "失能率年变化",
    "take_up_growth": "待遇享受率年变化",
    "price_growth": "人均基金支付年增长率",
    "interest_rate": "基金年利率",
}
GROWTHS: Final = tuple(name for name in RATES if name != "collection_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Everything that a projection assumes (测算假设)."""

    title: str
    rates: Mapping[str, Said]
    mortality: Mortality
    entrants: Sequence[Entrants] = ()
    leavers: Sequence[Leavers] = ()
    changes: Sequence[Change] = ()
    items: Sequence[Item] = ()
    prevalence: Sequence[Prevalence] = ()
    benefits: Sequence[Benefit] = ()

    def __post_init__(self) -> None:
        errors = list(_faults(self))
        if errors:
            raise InvalidInput("测算假设有误，请逐项更正。", errors=errors)

    def rate(self, name: str, variant: Variant) -> Fraction:
        return self.rates[name].of(variant)

    def grown(self, name: str, variant: Variant, years: int) -> Fraction:
        """What a yearly growth makes of 1 after so many years."""
        return (1 + self.rate(name, variant)) ** years

    def said(self) -> Iterator[tuple[str, Said]]:
        """Every number, by where it stands in the file."""
        for name, said in self.rates.items():
            yield f"rates.{name}", said
        yield "mortality.factor", self.mortality.factor
        for name, held in (
            ("entrants", [each.share for each in self.entrants]),
            ("leavers", [each.share for each in self.leavers]),
            ("items", [each.amount for each in self.items]),
            ("items.growth", [each.growth for each in self.items]),
            ("prevalence", [each.rate for each in self.prevalence]),
            ("benefits", [each.fen for each in self.benefits]),
        ):
            for number, said in enumerate(held):
                yield f"{name}.{number}", said


def _faults(assumed: Assumptions) -> Iterator[FieldError]:
    for name in sorted(RATES.keys() - assumed.rates.keys()):
        yield FieldError(f"rates.{name}", f"缺少{RATES[name]}；没有依据时也须写明取值并标为 assumed")
    for name in sorted(assumed.rates.keys() - RATES.keys()):
        yield FieldError(f"rates.{name}", "没有这一项假设")
    for name, said in assumed.said():
        if not said.source.strip():
            yield FieldError(f"{name}.source", "须写明来源或理由")
        if said.status == "missing":
            yield FieldError(f"{name}.status", "须为 stated、supplied 或 assumed")
        if not said.in_order:
            yield FieldError(name, "中方案须介于低方案与高方案之间")
        if name.removeprefix("rates.") in GROWTHS or name.startswith("items.growth."):
            if min(said.numbers) <= -1:
                yield FieldError(name, "年增长率须大于 -100%")
        elif min(said.numbers) < 0:
            yield FieldError(name, "不能为负")
        elif max(said.numbers) > 1 and name.startswith(("rates.", "leavers.", "prevalence.")):
            yield FieldError(name, "不能超过 100%")
    for sex in SEXES:
        yield from _table_faults(sex, assumed.mortality.female if sex == "female" else assumed.mortality.male)


def _table_faults(sex: str, table: Sequence[tuple[int, Fraction]]) -> Iterator[FieldError]:
    ages = [age for age, _ in table]
    if not ages or ages[0] != 0 or ages != sorted(set(ages)) or ages[-1] > AGE_MAX:
        yield FieldError(f"mortality.{sex}", f"年龄须从 0 起递增，不超过 {AGE_MAX}")
    if any(not 0 <= rate <= 1 for _, rate in table):
        yield FieldError(f"mortality.{sex}", "死亡率须在 0 与 1 之间")
