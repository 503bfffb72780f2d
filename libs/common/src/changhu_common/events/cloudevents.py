"""Events travel as CloudEvents 1.0 in Kafka's binary mode: `ce_` headers, the data as JSON in the value."""

from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from changhu_common.bus.port import Message
from changhu_common.events.registry import Envelope, Registry, UnreadableEvent

SPEC_VERSION = "1.0"


def encode(envelope: Envelope) -> Message:
    """Put an envelope on the wire."""
    event = envelope.event
    key = event.key
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(envelope.id),
        "ce_source": envelope.source,
        "ce_type": event.wire_type(),
        "ce_time": envelope.time.isoformat(),
        "ce_subject": key,
        "content-type": "application/json",
    }
    if envelope.traceparent:
        headers["traceparent"] = envelope.traceparent
    return Message(topic=event.TOPIC.name, key=key, headers=headers, value=event.model_dump_json().encode())


def decode(message: Message, registry: Registry) -> Envelope:
    """Read an envelope; UnknownEvent if the type is foreign, UnreadableEvent if it cannot be read."""
    headers = message.headers
    kind = headers.get("ce_type")
    if kind is None:
        raise UnreadableEvent("the message has no ce_type")
    event_type = registry.find(kind)
    try:
        if headers["ce_specversion"] != SPEC_VERSION:
            raise UnreadableEvent(f"CloudEvents version {headers['ce_specversion']!r} is not {SPEC_VERSION}")
        event = event_type.model_validate_json(message.value)
        if event.key != message.key:
            raise UnreadableEvent(f"the key {message.key!r} is not that of the event")
        return Envelope(
            id=UUID(headers["ce_id"]),
            source=headers["ce_source"],
            time=datetime.fromisoformat(headers["ce_time"]),
            event=event,
            traceparent=headers.get("traceparent"),
        )
    except KeyError as missing:
        raise UnreadableEvent(f"the header {missing} is missing") from missing
    except ValidationError as invalid:
        # The values stay out of the reason: a malformed event may hold what must not be logged.
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in invalid.errors())
        raise UnreadableEvent(f"{kind} breaks its schema: {faults}") from invalid
    except ValueError as invalid:
        raise UnreadableEvent(f"{kind}: {invalid}") from invalid
