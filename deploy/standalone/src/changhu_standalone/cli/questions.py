"""What may be asked of `changhu try`: every field known, every word known, every amount a whole fen.

A question is checked whole and every fault is told at once. What the pool's pack must know (its
categories, its counties) is checked against the pack; what only the rules know is left to them.
"""

import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import DateRange, Month, day_of
from changhu_common.reasons import reason_of
from changhu_policies import Pack, scales
from changhu_policies.shapes import COUNT_MAX
from changhu_policies.vocabulary import CATEGORIES, MARKS, MODES, OTHER_BENEFITS, STATISTICS
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError
from pydantic_core import PydanticCustomError

INPUT_BYTES_MAX: Final = 16 * 2**20  # a person-month is some kilobytes
YEARS: Final = range(1900, 2200)  # no document and no life reaches beyond; a typing error does

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("changhu", "{reason}", {"reason": reason})


def _day(said: Any) -> date:
    if isinstance(said, str) and _DAY.fullmatch(said):
        with suppress(ValueError):
            if (day := date.fromisoformat(said)).year in YEARS:
                return day
    raise wrong("须为日期，如2026-07-15")


def _moment(said: Any) -> datetime:
    moment = None
    if isinstance(said, str) and _MOMENT.fullmatch(said):
        with suppress(ValueError):
            moment = datetime.fromisoformat(said)
    if moment is None or moment.year not in YEARS:
        raise wrong("须为时间，如2026-07-03T09:00:00+08:00")
    if moment.tzinfo is None:
        raise wrong("须写明时区，如2026-07-03T09:00:00+08:00")
    return moment


def _month(said: Any) -> Month:
    if isinstance(said, str):
        with suppress(ValueError):
            if (month := Month.parse(said)).year in YEARS:
                return month
    raise wrong("须为月份，如2026-07")


def word(words: Mapping[str, str]) -> AfterValidator:
    def known(said: str) -> str:
        if said not in words:
            raise wrong(f"只能是{'、'.join(words)}")
        return said

    return AfterValidator(known)


def _year(said: str) -> str:
    if not (len(said) == 4 and said.isascii() and said.isdigit() and int(said) in YEARS):
        raise wrong("须为年份，如2025")
    return said


_Listed = TypeVar("_Listed")
Many = Annotated[list[_Listed], BeforeValidator(lambda said: [] if said is None else said)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
_Fen = Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)]
_Day = Annotated[date, BeforeValidator(_day)]
_Moment = Annotated[datetime, BeforeValidator(_moment)]
_MonthSaid = Annotated[Month, BeforeValidator(_month)]
Category = Annotated[Text, word(CATEGORIES)]
_Mode = Annotated[Text, word(MODES)]
_Statistic = Annotated[Text, word(STATISTICS)]
YearSaid = Annotated[Text, AfterValidator(_year)]
_Statistics = Annotated[
    dict[_Statistic, dict[YearSaid, _Fen]], BeforeValidator(lambda said: {} if said is None else said)
]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Ranged(Asked):
    start: _Day = Field(alias="from")
    end: _Day | None = Field(default=None, alias="to")

    @property
    def days(self) -> DateRange:
        return DateRange(self.start, self.end)


class GradeQuestion(Asked):
    scale: Text
    scores: dict[str, StrictInt]


class ContributionQuestion(Asked):
    pool: Text
    category: Category
    on: _Day
    base_fen: _Fen | None = None
    county: Text | None = None
    marks: Many[Annotated[Text, word(MARKS)]] = []
    family_account: Annotated[bool, Field(strict=True)] | None = None
    statistics: _Statistics = {}


class CoverageAsked(_Ranged):
    category: Category


class GradeAsked(_Ranged):
    scale: Text
    grade: StrictInt


class AgreementAsked(_Ranged):
    provider: Text
    modes: Many[_Mode] = []


class OtherBenefitAsked(_Ranged):
    kind: Annotated[Text, word(OTHER_BENEFITS)]


class ServiceAsked(Asked):
    id: Text
    provider: Text
    mode: _Mode
    item: Text
    at: _Moment
    cost_fen: _Fen


class MonthQuestion(Asked):
    pool: Text
    month: _MonthSaid
    statistics: _Statistics = {}
    coverage: Many[CoverageAsked] = []
    grades: Many[GradeAsked] = []
    agreements: Many[AgreementAsked] = []
    hospital_stays: Many[_Ranged] = []
    other_benefits: Many[OtherBenefitAsked] = []
    disabled_since: _Day | None = None
    fund_paid_this_year_fen: _Fen | None = None
    services: Many[ServiceAsked] = []


def read_json(file: str | None) -> Any:
    """The JSON of a file or of standard input; raises InvalidInput for what is not plainly one object."""
    try:
        if file is None or file == "-":
            content = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(INPUT_BYTES_MAX + 1)
        if len(content) > INPUT_BYTES_MAX:
            raise ValueError(f"超过{INPUT_BYTES_MAX}字节")
        said = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refuse_constant)
        json.dumps(said, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except OSError as error:
        reason = f"无法读取文件{file}：{error.strerror}"
        raise InvalidInput(reason, errors=[FieldError("FILE", reason)]) from None
    except (ValueError, RecursionError) as error:
        reason = f"不是合格的JSON：{error}".encode("utf-8", "replace").decode()
        raise InvalidInput(reason, errors=[FieldError("", reason)]) from None
    return said


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        twice = next(name for name, _ in pairs if [each for each, _ in pairs].count(name) > 1)
        raise ValueError(f"字段{twice}出现两次")
    return said


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name}不是数")


Question = TypeVar("Question", bound=BaseModel)


def ask(question: type[Question], said: Any) -> Question:
    """A question of this kind from JSON; raises InvalidInput with every field that is wrong."""
    try:
        return question.model_validate(said)
    except ValidationError as error:
        errors = [FieldError(_path(each["loc"]), reason_of(each)) for each in error.errors(include_url=False)]
        raise InvalidInput(f"输入有{len(errors)}处错误。", errors=errors) from None


def _path(place: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in place if step != "[key]")


def refuse(errors: Iterator[FieldError]) -> None:
    """Raise InvalidInput if there is anything wrong."""
    if told := list(errors):
        raise InvalidInput(f"输入有{len(told)}处错误。", errors=told)


def contribution_faults(asked: ContributionQuestion, pack: Pack) -> Iterator[FieldError]:
    """What the question names that this pool does not have."""
    if not pack.insures(asked.category):
        yield FieldError("category", "本统筹区不参保这一类人员")
    if asked.county is None:
        if pack.decides_by("county", "contribution"):
            yield FieldError("county", "本统筹区按县（市、区）确定缴费，须写明")
    elif asked.county not in pack.counties:
        yield FieldError("county", "本统筹区没有这个县（市、区）")


def month_faults(asked: MonthQuestion, pack: Pack) -> Iterator[FieldError]:
    """As `contribution_faults`; and facts that leave open what they mean."""
    yield from _turned("coverage", asked.coverage)
    yield from _turned("grades", asked.grades)
    yield from _turned("agreements", asked.agreements)
    yield from _turned("hospital_stays", asked.hospital_stays)
    yield from _turned("other_benefits", asked.other_benefits)
    yield from _overlaps("coverage", asked.coverage)
    yield from _overlaps("grades", asked.grades)
    for number, coverage in enumerate(asked.coverage):
        if not pack.insures(coverage.category):
            yield FieldError(f"coverage.{number}.category", "本统筹区不参保这一类人员")
    for number, graded in enumerate(asked.grades):
        scale = scales().get(graded.scale)
        if scale is None:
            yield FieldError(f"grades.{number}.scale", f"没有量表{graded.scale}")
        elif graded.grade not in scale.grades:
            yield FieldError(f"grades.{number}.grade", f"量表{graded.scale}没有这个等级")
    seen: dict[str, ServiceAsked] = {}
    for number, service in enumerate(asked.services):
        if day_of(service.at) not in asked.month.days:
            yield FieldError(f"services.{number}.at", f"不在{asked.month}月内")
        if seen.setdefault(service.id, service) != service:
            yield FieldError(f"services.{number}.id", f"编号{service.id}有两条内容不同的记录")


def _turned(name: str, ranges: Sequence[_Ranged]) -> Iterator[FieldError]:
    for number, each in enumerate(ranges):
        if each.end is not None and each.end < each.start:
            yield FieldError(f"{name}.{number}.to", "截止日早于起始日")


def _overlaps(name: str, ranges: Sequence[_Ranged]) -> Iterator[FieldError]:
    ordered = sorted(enumerate(ranges), key=lambda pair: pair[1].start)
    for (_, one), (number, after) in itertools.pairwise(ordered):
        if one.end is None or after.start <= one.end:
            yield FieldError(f"{name}.{number}.from", "与另一段日期重叠")
