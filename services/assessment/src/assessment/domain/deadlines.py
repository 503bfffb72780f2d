"""Each answer has its last day, counted in working days of the published calendar.

Acceptance runs from the application (`assessment.acceptance_days`), the conclusion from acceptance
(`assessment.conclusion_days`). Where a pack or the calendar does not say, there is no date and the
reason is shown: nobody's application waits for a calendar.
"""

from dataclasses import dataclass
from datetime import date

from changhu_common.errors import Refusal
from changhu_common.workdays import NATIONAL
from changhu_policies import Pack

from assessment.domain.steps import OPEN, State


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day (办理期限) for what an application waits for, or why there is none."""

    due_on: date | None = None
    reason: str | None = None


def deadline(*, state: State, applied_on: date, accepted_on: date | None, pack: Pack) -> Deadline:
    """By when the next answer is due; nothing for an application that is through."""
    if state not in OPEN:
        return Deadline()
    started, parameter = applied_on, "assessment.acceptance_days"
    if accepted_on is not None:
        started, parameter = accepted_on, "assessment.conclusion_days"
    try:
        return Deadline(NATIONAL.add_working_days(started, pack.value(parameter, on=started).value))
    except Refusal as unknown:
        return Deadline(reason=unknown.detail)
