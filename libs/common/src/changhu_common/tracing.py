"""The W3C trace context of the work in hand, carried from the request through the outbox to the consumers."""

import re
import secrets
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """The trace of the work in hand, or None outside any."""
    return _current.get()


def enter_trace(received: str | None) -> str:
    """Go on with a received `traceparent`, or begin a new trace where there is none that can be read."""
    if received and _TRACEPARENT.fullmatch(received):
        trace = received
    else:
        trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    _current.set(trace)
    return trace


def trace_id() -> str | None:
    """The id that ties logs of one piece of work together."""
    trace = _current.get()
    return trace.split("-")[1] if trace else None
