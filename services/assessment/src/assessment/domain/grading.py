"""A grade is read from the scale's table and from nothing else: no device, no clerk, no weight.

Scores are added within each dimension, each total falls into a band, and the bands meet in the
scale's table. A grade names its scale; grades of two scales are never compared as bare numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from changhu_common.errors import FieldError, InvalidInput
from changhu_policies import Scale, Status

BAND_NAMES = {"intact": "完好", "mild": "轻度受损", "moderate": "中度受损", "severe": "重度受损"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What the scores come to (失能等级): the grade, how it was reached, how firm the table is."""

    scale: str
    grade: int
    totals: Mapping[str, int]
    bands: Mapping[str, str]
    status: Status
    reasons: tuple[str, ...]


def grade_scores(*, scale: Scale, scores: Mapping[str, int]) -> Grading:
    """The grade of a complete set of scores, by item; raises InvalidInput with every item that is wrong."""
    if errors := list(_score_errors(scale, scores)):
        raise InvalidInput("评估得分不完整或有误。", errors=errors)
    totals = {dimension.key: sum(scores[item.key] for item in dimension.items) for dimension in scale.dimensions}
    bands = {dimension.key: dimension.band(totals[dimension.key]) for dimension in scale.dimensions}
    first, *others = (bands[dimension.key] for dimension in scale.dimensions)
    worst = max(others, key=scale.bands.index)
    grade = scale.combination[first][worst]
    return Grading(
        scale=scale.id,
        grade=grade,
        totals=totals,
        bands=bands,
        status=scale.status,
        reasons=(
            *(
                f"{dimension.name}{totals[dimension.key]}分：{BAND_NAMES[bands[dimension.key]]}"
                for dimension in scale.dimensions
            ),
            f"{_others(scale)}取较重者：{BAND_NAMES[worst]}",
            f"{scale.dimensions[0].name}{BAND_NAMES[first]} × {BAND_NAMES[worst]}：{grade}级（{scale.grades[grade]}）",
        ),
    )


def _others(scale: Scale) -> str:
    return "与".join(dimension.name for dimension in scale.dimensions[1:])


def _score_errors(scale: Scale, scores: Mapping[str, int]) -> Iterator[FieldError]:
    items = {item.key: item for dimension in scale.dimensions for item in dimension.items}
    for key in sorted(set(scores) - set(items)):
        yield FieldError(f"scores.{key}", "量表没有这一项目")
    for key, item in items.items():
        if key not in scores:
            yield FieldError(f"scores.{key}", f"缺少“{item.name}”的得分")
        elif type(scores[key]) is not int or scores[key] not in item.options:
            offered = "、".join(map(str, item.options))
            yield FieldError(f"scores.{key}", f"“{item.name}”只能得{offered}分")
