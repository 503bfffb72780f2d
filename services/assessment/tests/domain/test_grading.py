import itertools

import pytest
from assessment.domain.grading import grade_scores
from changhu_common.errors import InvalidInput
from changhu_policies import scales
from hypothesis import given
from hypothesis import strategies as st

SCALE = scales()["national-2021"]
ITEMS = {item.key: item for dimension in SCALE.dimensions for item in dimension.items}
BEST = {key: max(item.options) for key, item in ITEMS.items()}
any_scores = st.fixed_dictionaries({key: st.sampled_from(sorted(item.options)) for key, item in ITEMS.items()})


def totalling(**totals: int) -> dict[str, int]:
    """Scores whose dimensions come to these totals."""
    scores = {}
    for dimension in SCALE.dimensions:
        left = totals[dimension.key]
        for item in dimension.items:
            scores[item.key] = max(score for score in item.options if score <= left)
            left -= scores[item.key]
        assert left == 0
    return scores


def test_severe_adl_and_severe_cognition_are_grade_five() -> None:
    graded = grade_scores(scale=SCALE, scores=totalling(adl=40, cognition=1, perception=12))
    assert (graded.grade, graded.totals) == (5, {"adl": 40, "cognition": 1, "perception": 12})
    assert graded.bands == {"adl": "severe", "cognition": "severe", "perception": "intact"}


def test_moderate_adl_with_all_else_intact_is_grade_two() -> None:
    assert grade_scores(scale=SCALE, scores=totalling(adl=45, cognition=16, perception=12)).grade == 2


def test_the_table_is_told_as_assumed_and_the_reasons_name_every_dimension() -> None:
    graded = grade_scores(scale=SCALE, scores=BEST)
    assert (graded.scale, graded.status, graded.grade) == ("national-2021", "assumed", 0)
    for dimension in SCALE.dimensions:
        assert any(dimension.name in reason for reason in graded.reasons)


TABLE = {
    "intact": (0, 0, 1, 1),
    "mild": (1, 1, 1, 2),
    "moderate": (2, 2, 2, 3),
    "severe": (3, 3, 4, 5),
}
ADL = {"intact": (100, 100), "mild": (65, 95), "moderate": (45, 60), "severe": (0, 40)}
COGNITION = {"intact": (16, 16), "mild": (4, 15), "moderate": (2, 3), "severe": (0, 1)}
PERCEPTION = {"intact": (12, 12), "mild": (4, 11), "moderate": (2, 3), "severe": (0, 1)}


@pytest.mark.parametrize(("adl", "other"), list(itertools.product(TABLE, ADL)))
def test_every_cell_of_the_table_at_both_ends_of_its_bands(adl: str, other: str) -> None:
    grade = TABLE[adl][list(ADL).index(other)]
    for total, cognition, perception in itertools.product(ADL[adl], COGNITION[other], PERCEPTION[other]):
        worse_cognition = totalling(adl=total, cognition=cognition, perception=12)
        worse_perception = totalling(adl=total, cognition=16, perception=perception)
        assert grade_scores(scale=SCALE, scores=worse_cognition).grade == grade
        assert grade_scores(scale=SCALE, scores=worse_perception).grade == grade


@pytest.mark.parametrize(
    "wrong", [{"eating": 3}, {"eating": -5}, {"eating": 15}, {"eating": True}, {"eating": 5.0}, {"singing": 5}]
)
def test_a_score_that_the_scale_does_not_offer_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        grade_scores(scale=SCALE, scores=BEST | wrong)
    assert [error.field for error in refusal.value.errors] == [f"scores.{next(iter(wrong))}"]


def test_every_missing_item_is_named() -> None:
    with pytest.raises(InvalidInput) as refusal:
        grade_scores(scale=SCALE, scores={})
    assert len(refusal.value.errors) == 17


@given(any_scores, st.sampled_from(sorted(ITEMS)))
def test_a_lower_score_never_makes_the_grade_lighter(scores: dict[str, int], item: str) -> None:
    lower = scores | {item: min(ITEMS[item].options)}
    assert grade_scores(scale=SCALE, scores=lower).grade >= grade_scores(scale=SCALE, scores=scores).grade
