"""What comes in over HTTP: unknown fields are refused, texts have lengths, ranges do not end before they begin."""

from datetime import UTC, date, datetime
from typing import Annotated, Self

from changhu_common.periods import DateRange
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

# No control characters: a NUL cannot be stored, and none of them means anything in a name.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Region = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]

# Outside these years a clock is broken, and a moment could have no day in another time zone.
YEAR_MIN, YEAR_MAX = 2000, 2999


def _plausible(moment: datetime) -> datetime:
    if not YEAR_MIN <= moment.year <= YEAR_MAX:
        raise ValueError(f"年份须在 {YEAR_MIN} 至 {YEAR_MAX} 之间")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Body):
    """A step that needs no more than its path."""


class Days(Body):
    """Days, both included; without an end they are open."""

    start: date
    end: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError("截止日期不能早于起始日期")
        return self

    @property
    def days(self) -> DateRange:
        return DateRange(self.start, self.end)


class Reason(Body):
    reason: Line


class LastDay(Body):
    end: date


Page = Annotated[int, Field(ge=1, le=1000)]
