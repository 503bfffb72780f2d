"""Ids rise within a process, and content always gives the same one."""

import json
import threading
import time
from contextlib import suppress
from datetime import date
from uuid import RFC_4122, UUID, uuid5

import pytest
from changhu_common.ids import named_id, new_id, new_ids
from hypothesis import given
from hypothesis import strategies as st


def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= before + 1000


def test_ids_rise_even_when_more_are_made_than_a_millisecond_counts() -> None:
    made = [new_id() for _ in range(50_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_rise_when_the_wall_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert new_id() > first


def test_ids_made_together_are_as_those_made_one_by_one() -> None:
    before, made, after = new_id(), new_ids(10_000), new_id()
    ids = [UUID(bytes=each) for each, _ in made]
    assert [before, *ids, after] == sorted({before, *ids, after})
    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}
    assert [text.decode() for _, text in made] == [str(each) for each in ids]


def test_threads_never_make_the_same_id() -> None:
    made: list[UUID] = []
    threads = [threading.Thread(target=lambda: made.extend([new_id() for _ in range(5000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000


def test_the_same_content_gives_the_same_id_for_ever() -> None:
    person = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    first = named_id("settlement.line", person, date(2026, 7, 1), 3)
    assert first == named_id("settlement.line", person, date(2026, 7, 1), 3)
    assert first == UUID("782b5e31-1795-5409-a718-c49a0584f49d")
    assert first.version == 5


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_parts_give_different_ids(one: list[str], other: list[str]) -> None:
    assert (named_id("n", *one) == named_id("n", *other)) == (one == other)


@given(namespace=st.text(), parts=st.lists(st.one_of(st.text(), st.integers(), st.dates(), st.uuids())))
def test_a_named_id_is_the_uuid5_of_the_json_of_its_parts(namespace: str, parts: list[str | int | date | UUID]) -> None:
    root = UUID("a8c2a4f4-5d0c-5f0e-9a53-6e1c0f7c2b11")
    name = json.dumps([namespace, *map(str, parts)], ensure_ascii=False)
    with suppress(UnicodeEncodeError):  # half a pair of surrogates has no UTF-8
        assert named_id(namespace, *parts) == uuid5(root, name)
