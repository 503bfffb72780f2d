"""Assumptions as a person writes them: every number with its source and how firm it is.

A number is written as it is said ("2.5%", 0.98, 120000), or as three of them (low, middle, high). What
is wrong is told all at once, by its place.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from changhu_common.money import exact
from changhu_policies.vocabulary import CATEGORIES, SCHEMES
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fund_ledger.domain.assumptions import (
    AGE_MAX,
    SEXES,
    VARIANTS,
    Assumptions,
    Benefit,
    Change,
    Entrants,
    Item,
    Leavers,
    Mortality,
    Prevalence,
    Said,
)

LISTED_MAX: Final = 1_000

_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,9})?%?", re.ASCII)


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("changhu", "{reason}", {"reason": reason})


def _word(words: Mapping[str, str]) -> AfterValidator:
    def known(said: str) -> str:
        if said not in words:
            raise _wrong(f"只能是{'、'.join(words)}")
        return said

    return AfterValidator(known)


def _number(said: Any) -> Fraction:
    text = str(said) if type(said) in {int, float, str} else ""
    if not _NUMBER.fullmatch(text):
        raise _wrong("须为数，如2.5%、0.98、120000")
    return exact(text)


def _three(said: Any) -> Mapping[str, Fraction]:
    if not isinstance(said, Mapping):
        return dict.fromkeys(VARIANTS, _number(said))
    if set(said) != set(VARIANTS):
        raise _wrong(f"须为一个数，或写明{'、'.join(VARIANTS)}三个数")
    return {name: _number(said[name]) for name in VARIANTS}


def _table(said: Any) -> list[tuple[int, Fraction]]:
    if not isinstance(said, Mapping) or len(said) > AGE_MAX + 1:
        raise _wrong("须为对象：年龄起点到年死亡率，如{0: 0.5%, 60: 1%}")
    if not all(str(age).isascii() and str(age).isdigit() for age in said):
        raise _wrong("年龄须为整数")
    return sorted((int(age), _number(rate)) for age, rate in said.items())


Text = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Category = Annotated[Text, _word(CATEGORIES)]
Number = Annotated[Fraction, BeforeValidator(_number)]
Three = Annotated[Any, BeforeValidator(_three)]
Table = Annotated[Any, BeforeValidator(_table)]
Status = Literal["stated", "supplied", "assumed"]
Source = Annotated[str, Field(min_length=1, max_length=500)]
Age = Annotated[int, Field(ge=0, le=AGE_MAX)]
Scheme = Annotated[Text, _word(SCHEMES)]
Sex = Annotated[Text, _word(dict.fromkeys(SEXES, ""))]
Listed = Field(default=(), max_length=LISTED_MAX)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Sourced(_Form):
    source: Source
    status: Status


class SaidForm(Sourced):
    value: Three

    def said(self) -> Said:
        return Said(**self.value, source=self.source, status=self.status)


class MortalityForm(Sourced):
    male: Table
    female: Table
    factor: SaidForm | None = None

    def read(self) -> Mortality:
        same = Said.same(1, source=self.source, status=self.status)
        return Mortality(
            female=self.female,
            male=self.male,
            factor=self.factor.said() if self.factor else same,
            source=self.source,
            status=self.status,
        )


class EntrantsForm(SaidForm):
    category: Category
    age: Age


class LeaversForm(SaidForm):
    category: Category


class ChangeForm(Sourced):
    origin: Category = Field(alias="from")
    target: Category = Field(alias="to")
    sex: Sex | None = None
    age: Age


class ItemForm(SaidForm):
    name: Text
    kind: Literal["income", "expense"]
    scheme: Scheme
    of: Literal["contributions", "fen_a_year"]
    growth: SaidForm | None = None

    def read(self) -> Item:
        still = Said.same(0, source=self.source, status=self.status)
        return Item(
            name=self.name,
            kind=self.kind,
            scheme=self.scheme,
            amount=self.said(),
            of_contributions=self.of == "contributions",
            growth=self.growth.said() if self.growth else still,
        )


class GradeForm(SaidForm):
    scheme: Scheme
    scale: Text
    grade: Annotated[int, Field(ge=0, le=99)]

    @property
    def key(self) -> str:
        return grade_key(self.scale, self.grade)


class PrevalenceForm(GradeForm):
    sex: Sex
    age_from: Age


class BenefitForm(GradeForm):
    since: Annotated[int, Field(ge=1900, le=2199)]


class AssumptionsForm(_Form):
    title: Text
    rates: dict[Text, SaidForm]
    mortality: MortalityForm
    entrants: tuple[EntrantsForm, ...] = Listed
    leavers: tuple[LeaversForm, ...] = Listed
    changes: tuple[ChangeForm, ...] = Listed
    items: tuple[ItemForm, ...] = Listed
    prevalence: tuple[PrevalenceForm, ...] = Listed
    benefits: tuple[BenefitForm, ...] = Listed

    def read(self) -> Assumptions:
        """What the domain takes; raises InvalidInput with what cannot be."""
        return Assumptions(
            title=self.title,
            rates={name: each.said() for name, each in self.rates.items()},
            mortality=self.mortality.read(),
            entrants=[Entrants(category=each.category, age=each.age, share=each.said()) for each in self.entrants],
            leavers=[Leavers(category=each.category, share=each.said()) for each in self.leavers],
            changes=[Change(**each.model_dump()) for each in self.changes],
            items=[each.read() for each in self.items],
            prevalence=[
                Prevalence(scheme=each.scheme, sex=each.sex, age_from=each.age_from, grade=each.key, rate=each.said())
                for each in self.prevalence
            ],
            benefits=[
                Benefit(scheme=each.scheme, grade=each.key, fen=each.said(), since=each.since) for each in self.benefits
            ],
        )


def grade_key(scale: str | None, grade: int | None) -> str:
    """A grade means something only together with its scale; what was paid for none any more is told apart."""
    return "" if scale is None or grade is None else f"{scale} {grade}"
