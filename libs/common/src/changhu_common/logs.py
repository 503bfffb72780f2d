"""A log line is a fixed sentence and values, and no line tells who somebody is.

JSON lines where machines read them, coloured text on a terminal. Whatever logs through the standard
library (uvicorn, SQLAlchemy, aiokafka) goes the same way and is masked too.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from changhu_common.resident_numbers import masked
from changhu_common.tracing import trace_id

# Longer runs too: a number that stands against other digits must not slip through, nor a bank card.
RESIDENT_NUMBER = re.compile(r"[0-9]{17,}[0-9Xx]")
PERSONAL_FIELDS = frozenset({"name", "resident_number", "phone"})


def set_up_logs(*, service: str, json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr), as JSON or for a reader.

    Where several services share a process, each binds its own `service` with structlog's contextvars.
    """

    def name_the_work(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        # After the masking: a trace id is hexadecimal and could look like a number.
        line.setdefault("service", service)
        if trace := trace_id():
            line["trace_id"] = trace
        return line

    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        # Tracebacks stay plain: a pretty one would show the values of local variables.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_personal_data,
                name_the_work,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # It tells each refused connection as an error, thousands a minute; ours tell once what does not work.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


def mask_personal_data(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Mask resident numbers in any value and the fields that name a person, however deep."""
    return {str(key): _told(key, value) for key, value in line.items()}


def _told(key: object, value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        return {_without_numbers(str(inner)): _told(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_told(key, each) for each in value]
    if key in PERSONAL_FIELDS:
        return masked(str(value))
    text = _without_numbers(str(value))
    return value if isinstance(value, int) and text == str(value) else text


def _without_numbers(text: str) -> str:
    return RESIDENT_NUMBER.sub(lambda found: masked(found[0]), text)
