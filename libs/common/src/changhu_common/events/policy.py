"""What an operator supplied where a document leaves a value open, once another person approved it."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from changhu_common.events.registry import Event, Topic

VALUE = Topic("policy.value", "pool", "values that a document leaves open (参数补录)")


class PolicyValueApproved(Event):
    """A statistic (with the `year` that it measures) or a parameter's value from `start` on."""

    TYPE = "policy_value.approved"
    TOPIC = VALUE
    KEY = "pool"

    value_id: UUID
    pool: str
    kind: str
    name: str
    year: int | None = None
    selectors: dict[str, str] = Field(default_factory=dict)
    value: Any
    start: date | None = None
    end: date | None = None
    source_document: str
    revision: int
    entered_by: str
    approved_by: str


POLICY_EVENTS: tuple[type[Event], ...] = (PolicyValueApproved,)
