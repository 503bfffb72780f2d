"""An event is a public interface: its schema only changes on purpose, and only by adding.

After a change that is meant: `CHANGHU_WRITE_SCHEMAS=1 make test PYTEST_ARGS=tests/contracts`.
"""

import json
import os
from pathlib import Path

import pytest
from changhu_common.asyncapi import asyncapi, json_schema
from changhu_common.events import REGISTRY, Event

SCHEMAS = Path(__file__).parent / "schemas"
ASYNCAPI = Path(__file__).parents[2] / "docs" / "events" / "asyncapi.json"
WRITE = os.environ.get("CHANGHU_WRITE_SCHEMAS") == "1"

# What would tell who somebody is. Events carry ids.
PERSONAL = {"resident_number", "phone", "birth_date", "address", "person_name"}


def golden(path: Path, now: object) -> object:
    text = json.dumps(now, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("event", list(REGISTRY), ids=lambda event: event.wire_type())
def test_an_event_keeps_its_schema(event: type[Event]) -> None:
    assert json_schema(event) == golden(SCHEMAS / f"{event.wire_type()}.json", json_schema(event))


def test_there_is_a_schema_for_every_event_and_no_other() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {event.wire_type() for event in REGISTRY}


def test_the_asyncapi_document_is_that_of_the_code() -> None:
    assert asyncapi() == golden(ASYNCAPI, asyncapi())


@pytest.mark.parametrize("event", list(REGISTRY), ids=lambda event: event.wire_type())
def test_an_event_carries_no_personal_data(event: type[Event]) -> None:
    text = json.dumps(json_schema(event))
    assert not [word for word in PERSONAL if f'"{word}"' in text]
