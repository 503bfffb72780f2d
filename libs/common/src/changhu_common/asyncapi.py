"""The AsyncAPI 3 document is made from the event classes, so it cannot say anything else than they do."""

from typing import Any

from changhu_common.bus.port import PARTITIONS
from changhu_common.events import REGISTRY, TOPICS
from changhu_common.events.registry import Event

TITLE = "Changhu 长护"


def json_schema(event: type[Event]) -> dict[str, Any]:
    """The schema of an event's data, as readers are promised it."""
    return event.model_json_schema(mode="serialization")


def asyncapi() -> dict[str, Any]:
    """Channels, messages and operations of the whole system."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for topic in TOPICS:
        of_topic = [event for event in REGISTRY if topic == event.TOPIC]
        channels[topic.name] = {
            "address": topic.name,
            "description": f"{topic.purpose}; key: {topic.key}; events of one key stay in order",
            "bindings": {"kafka": {"partitions": PARTITIONS}},
            "messages": {
                event.wire_type(): {"$ref": f"#/components/messages/{event.wire_type()}"} for event in of_topic
            },
        }
        operations[f"tell.{topic.name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{event.wire_type()}"} for event in of_topic],
        }
        for event in of_topic:
            messages[event.wire_type()] = {
                "name": event.wire_type(),
                "summary": (event.__doc__ or "").strip().split("\n")[0],
                "contentType": "application/json",
                "headers": {"$ref": "#/components/schemas/cloudEventHeaders"},
                "payload": json_schema(event),
                "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
            }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": "1.0.0", "description": "The facts that the services tell each other."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"cloudEventHeaders": CLOUD_EVENT_HEADERS}},
    }


CLOUD_EVENT_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0 in Kafka's binary mode",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_source": {"type": "string", "description": "the service that tells"},
        "ce_type": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "the key"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
    },
}
