"""What assessment tells: the grade that a person has, on which scale, for which days."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from changhu_common.events.registry import Event, Topic

CONCLUSION = Topic("assessment.conclusion", "person_id", "what was concluded of a person's disability (失能等级)")


class Conclusion(Event):
    """A conclusion (评估结论) as it is known from this revision on.

    `end` is the last day of its validity; a later conclusion that takes effect cuts it short by a
    higher revision. `disabled_since` is the onset that the application states.
    """

    TOPIC = CONCLUSION
    KEY = "person_id"

    conclusion_id: UUID
    person_id: UUID
    pool: str
    revision: int
    scale: str
    scale_version: str
    grade: int
    start: date
    end: date
    disabled_since: date | None = None
    published_on: date
    pack_version: str
    VOID: ClassVar[bool] = False


class AssessmentPublished(Conclusion):
    """A conclusion took effect after its publicity (公示)."""

    TYPE = "assessment.published"


class AssessmentRevoked(Conclusion):
    """A conclusion is void from its first day."""

    TYPE = "assessment.revoked"
    VOID = True


ASSESSMENT_EVENTS: tuple[type[Event], ...] = (AssessmentPublished, AssessmentRevoked)
