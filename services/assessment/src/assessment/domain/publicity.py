"""A conclusion that reaches the benefit level is shown in public (公示) before it takes effect.

The first day does not count: shown from the 1st for seven days, it is over after the 8th.
"""

from datetime import date, timedelta
from typing import Final

from changhu_common.errors import Conflict, Refusal

# A publicity announced for later than this is a slip of the pen that would hide the conclusion.
START_AHEAD_DAYS_MAX: Final = 30


class PublicityMistimed(Refusal):
    """Publicity begins today or soon; what nobody could see was not public."""

    code = "publicity.mistimed"
    title = "公示起始日期有误"


class PublicityRunning(Conflict):
    """The conclusion takes effect once everybody could object."""

    code = "publicity.not_over"
    title = "公示期未满"


class ObjectionLate(Conflict):
    """The term for objections is over."""

    code = "objection.too_late"
    title = "已过异议期"


class ReviewFinal(Conflict):
    """A review assessment's conclusion is final."""

    code = "objection.review_is_final"
    title = "复评结论为最终结论"


def last_day(*, start: date, days: int) -> date:
    """The last day of a term of so many days; `start` itself does not count."""
    return start + timedelta(days=days)


def refuse_mistimed(*, start: date, today: date) -> None:
    """Raises PublicityMistimed for a start that lies behind or far ahead."""
    if not today <= start <= today + timedelta(days=START_AHEAD_DAYS_MAX):
        raise PublicityMistimed(f"公示起始日须在今日（{today.isoformat()}）起{START_AHEAD_DAYS_MAX}日内，不能补记。")
