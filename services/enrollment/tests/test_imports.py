"""A file loads all its good rows or none, tells every bad row and why, and sent again changes nothing."""

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
from changhu_common.events.enrollment import CoverageEnded, HardshipRecorded, PersonEnrolled, PersonState, PersonUpdated
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from enrollment.usecases import loading
from httpx import Response
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]


def xlsx_of(header: tuple[str, ...], *rows: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for at, cells in enumerate((header, *(row.values() for row in rows))):
            for column, cell in enumerate(cells):
                sheet.write_string(at, column, cell)
    return buffer.getvalue()


WAYS = {
    "row by row": {},
    "compared as a whole": {"COMPARED_ROWS_MIN": 0},
    "a first load": {"COMPARED_ROWS_MIN": 0, "FIRST_LOAD_ROWS_MIN": 1},
}


@pytest.fixture(autouse=True, params=WAYS)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files and whole cities are loaded in ways of their own, and nobody can tell by the result."""
    for limit, rows in WAYS[request.param].items():
        monkeypatch.setattr(loading, limit, rows)


@pytest.fixture
def load(enrollment: Running, clerk: Who) -> Callable[..., Awaitable[Response]]:
    async def sent(content: bytes, *, choice: str = "good", form: str = "csv", who: Who = clerk) -> Response:
        return await enrollment.post(
            "/persons/imports", who, content=content, params={"format": form, "choice": choice}
        )

    return sent


Load = Callable[..., Awaitable[Response]]


def told(answer: Response) -> tuple[int, int, int, int]:
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return body["rows"], body["loaded"], body["unchanged"], body["rejected"]


async def persons(enrollment: Running) -> int:
    async with enrollment.database.read() as connection:
        return await connection.scalar(text("SELECT count(*) FROM person")) or 0


async def test_good_rows_are_loaded_and_told_and_sent_again_change_nothing(
    enrollment: Running, load: Load, clerk: Who, people: SimpleNamespace
) -> None:
    content = people.csv(*(people.row(n, 人员标识="低保对象；orphan") for n in range(50)))
    assert told(await load(content)) == (50, 50, 0, 0)
    assert told(await load(content)) == (50, 0, 50, 0)
    assert told(await load(content, choice="all")) == (50, 0, 50, 0)
    events = await enrollment.told()
    assert [type(each) for each in events] == [PersonEnrolled] * 50
    assert len({each.person_id for each in events}) == 50
    page = (await enrollment.get("/persons", clerk, pool="211100")).json()["persons"]
    assert {tuple(each["marks"]) for each in page} == {("low_income", "orphan")}
    assert page[0]["coverage"][0]["bases"] == [{"since": "2026-01-01", "base_fen": 543_210}]
    async with enrollment.database.read() as connection:
        audited = await connection.scalar(text("SELECT count(*) FROM audit WHERE action = 'person.enrolled'"))
    assert audited == 50


async def test_one_file_sent_twice_at_once_is_loaded_once(load: Load, people: SimpleNamespace) -> None:
    content = people.csv(*(people.row(n) for n in range(20)))
    both = [told(each) for each in await asyncio.gather(load(content), load(content))]
    assert sorted(both) == [(20, 0, 20, 0), (20, 20, 0, 0)]


async def test_the_same_rows_come_from_xlsx_and_from_zip(load: Load, people: SimpleNamespace) -> None:
    rows = [people.row(n) for n in range(3)]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("参保.csv", people.csv(*rows))
    assert told(await load(xlsx_of(people.header, *rows), form="xlsx")) == (3, 3, 0, 0)
    assert told(await load(zipped.getvalue(), form="zip")) == (3, 0, 3, 0)


BAD_CELLS = {
    "name": {"姓名": ""},
    "county": {"县区": "999999"},
    "category": {"参保类别": "minor"},
    "start": {"参保日期": "2026-02-30"},
    "end": {"停保日期": "2025-01-01"},
    "base_yuan": {"缴费基数": "-5.00"},
    "marks": {"人员标识": "名人"},
}


async def test_every_bad_row_is_told_with_line_field_and_reason(
    enrollment: Running, load: Load, people: SimpleNamespace
) -> None:
    valid = people.number(20)
    rows = [people.row(n, **cells) for n, cells in enumerate(BAD_CELLS.values(), 1)]
    rows += [
        people.row(20, 公民身份号码=valid[:-1] + ("1" if valid[-1] != "1" else "2")),
        people.row(21, 公民身份号码=people.number(1, born=2030_01_01)),
        people.row(22, 公民身份号码="2.11102E+17"),
        people.row(23, 缴费基数="5,432.10"),
        people.row(24),
        people.row(24),
    ]
    answer = await load(people.csv(*rows))
    assert told(answer) == (13, 1, 0, 12)
    fields = [(each["line"], each["field"]) for each in answer.json()["errors"]]
    assert fields == [
        *((line, field) for line, field in enumerate(BAD_CELLS, 2)),
        *((line, "resident_number") for line in (9, 10, 11)),
        (12, "base_yuan"),
        (14, "resident_number"),
    ]
    assert all(each["reason"] for each in answer.json()["errors"])
    assert "第 13 行" in answer.json()["errors"][-1]["reason"]
    assert await persons(enrollment) == 1


async def test_all_or_nothing_loads_nothing_where_one_row_is_bad(
    enrollment: Running, load: Load, clerk: Who, people: SimpleNamespace
) -> None:
    answer = await load(people.csv(people.row(1), people.row(2, 县区="999999")), choice="all")
    assert told(answer) == (2, 0, 0, 1)
    assert await persons(enrollment) == 0
    assert await enrollment.told() == []
    again = await enrollment.get(f"/imports/{answer.json()['import_id']}", clerk)
    assert again.json() == answer.json()


async def test_a_file_that_cannot_be_read_is_refused_whole(
    enrollment: Running, load: Load, clerk: Who, people: SimpleNamespace
) -> None:
    whole = xlsx_of(people.header, *(people.row(n) for n in range(200)))
    malformed = people.csv().replace("县区".encode(), "县城".encode())
    for content, form in (
        (whole[: len(whole) // 2], "xlsx"),
        (malformed, "csv"),
        (people.csv(people.row(1)), "xlsx"),
        (b"", "csv"),
    ):
        answer = await load(content, form=form)
        assert (answer.status_code, answer.json()["code"]) == (422, "file.invalid"), answer.text
    header = (await load(malformed)).json()["errors"]
    assert {each["field"] for each in header} == {"县城", "county"}
    assert await persons(enrollment) == 0


async def test_a_known_persons_row_adds_what_is_new_and_nothing_else(
    enrollment: Running, load: Load, clerk: Who, enrol: Enrol, people: SimpleNamespace
) -> None:
    known = await enrol(1, name="王五")
    for row, counted in (
        (people.row(1), (1, 0, 1, 0)),
        (people.row(1, 缴费基数="6000"), (1, 1, 0, 0)),
        (people.row(1, 缴费基数="", 人员标识="destitute"), (1, 1, 0, 0)),
        (people.row(1, 参保类别="retiree", 参保日期="2026/9/1"), (1, 0, 0, 1)),
        (people.row(1, 停保日期="2026-08-31", 缴费基数=""), (1, 1, 0, 0)),
        (people.row(1, 参保类别="retiree", 参保日期="2026/9/1"), (1, 1, 0, 0)),
        (people.row(1, 停保日期="2026-08-30", 缴费基数=""), (1, 0, 0, 1)),
        (people.row(1, 姓名="王六"), (1, 0, 0, 1)),
        (people.row(1, 县区="211122"), (1, 0, 0, 1)),
    ):
        assert told(await load(people.csv(row))) == counted, row
    view = (await enrollment.get(f"/persons/{known['person_id']}", clerk)).json()
    assert view["marks"] == ["destitute"]
    assert [(each["category"], each["end"]) for each in view["coverage"]] == [
        ("employee", "2026-08-31"),
        ("retiree", None),
    ]
    assert [each["base_fen"] for each in view["coverage"][0]["bases"]] == [543_210, 600_000]
    events = await enrollment.told(PersonState)
    assert [type(each) for each in events] == [PersonEnrolled, CoverageEnded, PersonUpdated]
    assert [each.revision for each in events] == [1, 2, 3]


async def test_marks_that_a_file_changes_hold_from_this_month_on(
    enrollment: Running, load: Load, clerk: Who, enrol: Enrol, people: SimpleNamespace
) -> None:
    at = f"/persons/{(await enrol(1, name='王五'))['person_id']}/timeline"
    for marks, counted in (("医疗救助对象", (1, 1, 0, 0)), ("医疗救助对象", (1, 0, 1, 0)), ("orphan", (1, 1, 0, 0))):
        assert told(await load(people.csv(people.row(1, 人员标识=marks)))) == counted
    for day, held in (("2026-06-30", []), ("2026-07-01", ["orphan"])):
        assert (await enrollment.get(at, clerk, on=day)).json()["marks"] == held
    assert [each.kind for each in await enrollment.told(HardshipRecorded)] == ["medical_assistance", "orphan"]


async def test_a_mark_whose_days_are_over_is_news_when_a_file_says_it_again(
    enrollment: Running, load: Load, clerk: Who, enrol: Enrol, people: SimpleNamespace
) -> None:
    at = f"/persons/{(await enrol(1, name='王五'))['person_id']}"
    days = {"kind": "destitute", "start": "2026-06-01", "end": "2026-07-31"}
    await enrollment.post(f"{at}/hardships", clerk, days)
    enrollment.advance_to(datetime(2026, 8, 10, 9, tzinfo=SHANGHAI))
    clerk = enrollment.token(Role.ENROLLMENT_CLERK)
    row = people.csv(people.row(1, 人员标识="destitute"))
    assert told(await load(row, who=clerk)) == (1, 1, 0, 0)
    assert told(await load(row, who=clerk)) == (1, 0, 1, 0)
    held = [
        (each["start"], each["end"]) for each in (await enrollment.get(f"{at}/hardships", clerk)).json()["hardships"]
    ]
    assert held == [("2026-06-01", "2026-07-31"), ("2026-08-01", None)]


async def test_a_countys_clerk_loads_that_countys_persons_alone(
    enrollment: Running, load: Load, people: SimpleNamespace
) -> None:
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    content = people.csv(people.row(1), people.row(2, 县区="211122"))
    answer = await load(content, who=county)
    assert told(answer) == (2, 1, 0, 1)
    assert answer.json()["errors"][0]["field"] == "county"
    at = f"/imports/{answer.json()['import_id']}"
    assert (await enrollment.get(at, county)).status_code == 200
    for other in ("211102", "330300"):
        hidden = await enrollment.get(at, enrollment.token(Role.ENROLLMENT_CLERK, region=other))
        assert hidden.status_code == 404


async def test_the_error_file_is_whole_for_who_sent_it_and_masked_for_others(
    enrollment: Running, load: Load, clerk: Who, people: SimpleNamespace
) -> None:
    answer = await load(people.csv(people.row(1), people.row(2, 县区="999999")))
    at = f"/imports/{answer.json()['import_id']}/errors"
    own = (await enrollment.get(at, clerk, format="csv")).content.decode("utf-8-sig")
    assert people.number(2) in own
    assert people.number(1) not in own
    assert "县区代码不在统筹区的县区表中" in own
    masked = (await enrollment.get(at, enrollment.token(Role.AUDITOR), format="csv")).content.decode("utf-8-sig")
    assert people.number(2) not in masked
    assert people.number(2)[-4:] in masked
    assert (await enrollment.get(at, clerk)).content.startswith(b"PK")
    corrected = own.replace("999999", "211103").encode("utf-8-sig")
    assert told(await load(corrected)) == (1, 1, 0, 0)
    async with enrollment.database.read() as connection:
        kept = await connection.scalar(text("SELECT cells FROM rejected_row"))
    assert people.number(2).encode() not in kept


async def test_an_import_sent_again_under_its_key_is_answered_again(
    enrollment: Running, clerk: Who, people: SimpleNamespace
) -> None:
    params = {"format": "csv", "choice": "good"}
    first, again = [
        await enrollment.post("/persons/imports", clerk, key="k", content=people.csv(people.row(1)), params=params)
        for _ in range(2)
    ]
    assert (again.status_code, again.json()) == (201, first.json())
    other = await enrollment.post("/persons/imports", clerk, key="k", content=people.csv(), params=params)
    assert other.json()["code"] == "idempotency.key_reused"
