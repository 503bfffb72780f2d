"""What assessment tells: the grade that a person has, on which scale, for which days; and what assessing cost."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

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


class FeeFinding(BaseModel):
    """One value that a fee rests on: what it says of the fee, by which clause, and how firmly."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    clause: str
    text: str
    status: str
    parameter: str
    reading: str = ""


class AssessmentFee(Event):
    """An assessment's fee (评估费) as it is known from this revision on: one for each round of an application.

    `cause` says why the person was assessed and how it ended. `fund_fen` and `person_fen` add up to
    `fee_fen`; the fund owes its part to the organisation that assessed.
    """

    TOPIC = CONCLUSION
    KEY = "person_id"

    fee_id: UUID
    application_id: UUID
    round: int
    person_id: UUID
    organization_id: UUID
    pool: str
    county: str
    revision: int
    cause: str
    assessed_on: date
    fee_fen: int
    fund_fen: int
    person_fen: int
    findings: tuple[FeeFinding, ...] = ()
    pack_version: str
    VOID: ClassVar[bool] = False


class AssessmentFeeDue(AssessmentFee):
    """A fee is owed, or another amount of it than was told before."""

    TYPE = "assessment_fee.due"


class AssessmentFeeVoided(AssessmentFee):
    """A fee that was told is not owed: its conclusion is void, or what it comes to is not known any more."""

    TYPE = "assessment_fee.voided"
    VOID = True


ASSESSMENT_EVENTS: tuple[type[Event], ...] = (
    AssessmentPublished,
    AssessmentRevoked,
    AssessmentFeeDue,
    AssessmentFeeVoided,
)
