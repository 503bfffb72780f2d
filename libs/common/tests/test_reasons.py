"""Whatever a request says wrongly is told in words that a clerk reads."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from changhu_common.reasons import reason_of
from changhu_common.requests import MonthText
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    strict: StrictInt = 0
    number: Annotated[int, Field(gt=0, le=9)] = 1
    word: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    shape: Annotated[str, Field(pattern="^a$")] = "a"
    choice: Literal["a", "b"] = "a"
    many: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    held: dict[str, int] = {}
    flag: bool = True
    day: date = date(2026, 7, 1)
    month: MonthText = "2026-07"
    moment: datetime | None = None
    aware: AwareDatetime | None = None
    key: UUID | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Body":
        if self.number == 9:
            raise ValueError("九不行")
        return self


class Needed(BaseModel):
    name: str


def reasons(said: Any, model: type[BaseModel] = Body) -> list[str]:
    with pytest.raises(ValidationError) as wrong:
        model.model_validate(said)
    return [reason_of(each) for each in wrong.value.errors()]


@pytest.mark.parametrize(
    "said",
    [
        {"strict": 1.5}, {"strict": "1"}, {"number": 0}, {"number": 10}, {"number": "x"}, {"number": 1.5},
        {"word": "a"}, {"word": "abcd"}, {"word": 1}, {"shape": "b"}, {"choice": "c"}, {"many": []},
        {"many": [1, 2, 3]}, {"many": 1},
        {"held": 1}, {"flag": "maybe"}, {"flag": []}, {"day": "2026-13-01"}, {"day": []}, {"day": "2026-07-01T09:00"},
        {"month": "2026-7"}, {"month": "0000-01"}, {"month": "9999-12"},
        {"moment": "noon"}, {"moment": []}, {"aware": "2026-07-01T09:00:00"}, {"key": "x"}, {"key": 1}, {"colour": 1},
        7,
    ],
    ids=str,
)  # fmt: skip
def test_a_fault_is_told_in_chinese(said: Any) -> None:
    for reason in reasons(said):
        assert re.search(r"[一-鿿]", reason), reason


def test_a_reason_says_what_is_allowed() -> None:
    assert reasons({"choice": "c"}) == ["只能是 'a' 或 'b'"]
    assert reasons({"number": 10}) == ["不能大于 9"]
    assert reasons({}, Needed) == ["必填"]
    assert reasons({"number": 9}) == ["九不行"]
