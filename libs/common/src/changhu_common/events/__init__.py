"""The facts that the services tell each other; what is defined here is a public interface."""

from changhu_common.events.assessment import ASSESSMENT_EVENTS
from changhu_common.events.budget import BUDGET_EVENTS
from changhu_common.events.care import CARE_EVENTS
from changhu_common.events.enrollment import ENROLLMENT_EVENTS
from changhu_common.events.ledger import LEDGER_EVENTS
from changhu_common.events.policy import POLICY_EVENTS
from changhu_common.events.provider import PROVIDER_EVENTS
from changhu_common.events.registry import (
    Envelope,
    Event,
    Registry,
    Topic,
    UnknownEvent,
    UnreadableEvent,
)
from changhu_common.events.settlement import SETTLEMENT_EVENTS

REGISTRY = Registry(
    (
        *ENROLLMENT_EVENTS,
        *ASSESSMENT_EVENTS,
        *PROVIDER_EVENTS,
        *CARE_EVENTS,
        *SETTLEMENT_EVENTS,
        *LEDGER_EVENTS,
        *BUDGET_EVENTS,
        *POLICY_EVENTS,
    )
)

TOPICS: tuple[Topic, ...] = tuple(sorted({event.TOPIC for event in REGISTRY}, key=lambda topic: topic.name))


def topic_names() -> list[str]:
    """Every topic that has to exist, with those of the dead letters."""
    return [name for topic in TOPICS for name in (topic.name, topic.dead)]


__all__ = [
    "REGISTRY",
    "TOPICS",
    "Envelope",
    "Event",
    "Registry",
    "Topic",
    "UnknownEvent",
    "UnreadableEvent",
    "topic_names",
]
