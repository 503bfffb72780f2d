"""No line, by whatever way it comes, tells who somebody is."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from changhu_common.logs import mask_personal_data, set_up_logs
from changhu_common.tracing import enter_trace
from hypothesis import given
from hypothesis import strategies as st

NUMBER = "211102195001011237"
MASKED = "2111**********1237"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**config)


def lines(json_lines: bool = True) -> io.StringIO:
    stream = io.StringIO()
    set_up_logs(service="enrollment", json=json_lines, stream=stream)
    return stream


def told(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return line


def test_a_line_is_json_with_its_sentence_service_and_trace() -> None:
    stream = lines()
    trace = enter_trace(None)
    structlog.get_logger("x").info("a person was enrolled", county="211102", fen=12)
    line = told(stream)
    assert (line["event"], line["service"], line["level"]) == ("a person was enrolled", "enrollment", "info")
    assert (line["county"], line["fen"], line["logger"]) == ("211102", 12, "x")
    assert line["trace_id"] == trace.split("-")[1]
    assert line["timestamp"].endswith("Z")


@dataclass
class Row:
    number: str


@pytest.mark.parametrize(
    "value",
    [NUMBER, int(NUMBER), f"row {NUMBER}: bad", [NUMBER], {"rows": [{"n": (NUMBER,)}]}, {NUMBER: 1}, Row(NUMBER)],
)
def test_a_resident_number_is_masked_wherever_it_stands(value: Any) -> None:
    stream = lines()
    structlog.get_logger().warning("a row was refused", value=value)
    assert NUMBER not in stream.getvalue()
    assert MASKED in json.dumps(told(stream)["value"])


def test_fields_that_name_a_person_are_masked_however_deep() -> None:
    stream = lines()
    structlog.get_logger().info("asked", name="王小芳", request={"phone": "13904270000", "people": [{"name": "李雷"}]})
    for personal in ("王小芳", "13904270000", "李雷"):
        assert personal not in stream.getvalue()


def test_a_traceback_is_masked_too_and_shows_no_local_variables() -> None:
    for as_json in (True, False):
        stream = lines(as_json)
        secret = "a-local-secret"
        try:
            raise ValueError(f"bad row {NUMBER}")
        except ValueError:
            structlog.get_logger().exception("a batch failed")
        assert "ValueError" in stream.getvalue()
        assert NUMBER not in stream.getvalue()
        assert secret not in stream.getvalue().replace('secret = "a-local-secret"', "")


def test_what_libraries_log_goes_the_same_way() -> None:
    stream = lines()
    logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1", f"GET /persons?number={NUMBER}")
    line = told(stream)
    assert MASKED in line["event"]
    assert (line["logger"], line["level"], line["service"]) == ("uvicorn.access", "info", "enrollment")


def test_a_service_that_shares_its_process_names_itself() -> None:
    stream = lines()
    with structlog.contextvars.bound_contextvars(service="settlement"):
        structlog.get_logger().info("closed")
    assert told(stream)["service"] == "settlement"


def test_a_terminal_gets_a_readable_masked_line() -> None:
    stream = lines(json_lines=False)
    structlog.get_logger().info("asked", number=NUMBER)
    assert "asked" in stream.getvalue()
    assert MASKED in stream.getvalue()


nested = st.recursive(
    st.text() | st.integers() | st.none() | st.booleans() | st.just(NUMBER) | st.just(int(NUMBER)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just(NUMBER), inner, max_size=3),
    max_leaves=10,
)


@given(nested, st.text(max_size=5), st.text(max_size=5))
def test_no_shape_of_value_leaks_a_number(value: Any, before: str, after: str) -> None:
    line = mask_personal_data(None, "info", {"event": f"{before}{NUMBER}{after}", "value": value})
    assert NUMBER not in json.dumps(line)
