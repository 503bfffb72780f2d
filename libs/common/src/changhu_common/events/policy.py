"""What an operator supplied where a document leaves a value open, once another person approved it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from changhu_common.events.registry import Event, Topic

VALUE = Topic("policy.value", "pool", "values that a document leaves open (参数补录)")


class PolicyValueApproved(Event):
    """A parameter's value, or a statistic of the year from `start` to `end`, with the paper that says it.

    Of two values for the same days the one approved later holds.
    """

    TYPE = "policy_value.approved"
    TOPIC = VALUE
    KEY = "pool"

    value_id: UUID
    pool: str
    parameter: str
    qualifiers: dict[str, str | int] = Field(default_factory=dict)
    value: Any
    start: date
    end: date | None = None
    source: str
    entered_by: str
    approved_by: str
    approved_at: datetime


POLICY_EVENTS: tuple[type[Event], ...] = (PolicyValueApproved,)
