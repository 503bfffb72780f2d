"""A file that cannot be trusted is refused whole with what to do, at once or once it is worked off; nothing is kept."""

import io
import zipfile
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
from changhu_common import bulk_files
from enrollment.storage.identities import Identities
from enrollment.usecases.imports import Imports
from sqlalchemy import text

from tests.support.running import Running

Who = dict[str, str]
Problem = dict[str, Any]
Sent = Callable[..., Awaitable[dict[str, Any]]]
Rows = list[list[str | float]]


@pytest.fixture(params=["at once", "worked off"])
def sent(request: pytest.FixtureRequest, enrollment: Running, clerk: Who) -> Sent:
    """Send a file in one of the two ways, and tell what became of it: an import, or the problem."""
    imports = Imports(enrollment.database, Identities(enrollment.resources.settings))
    headers = {"Prefer": "respond-async"} if request.param == "worked off" else {}

    async def outcome(content: bytes, *, form: str = "csv", choice: str = "good") -> dict[str, Any]:
        params = {"format": form, "choice": choice}
        answer = await enrollment.post("/persons/imports", clerk, content=content, params=params, headers=headers)
        told: dict[str, Any] = answer.json()
        if answer.status_code != 202:
            return told
        assert await imports.work_off()
        done: dict[str, Any] = (await enrollment.get(f"/imports/{told['import_id']}", clerk)).json()
        refusal: dict[str, Any] | None = done["refusal"]
        return refusal or done

    return outcome


def book_of(**sheets: Rows) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell)
    return buffer.getvalue()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("参保.csv", content)
    return buffer.getvalue()


def rows_of(people: SimpleNamespace, *rows: dict[str, str]) -> Rows:
    return [list(people.header), *([*row.values()] for row in rows)]


async def nobody_is_kept(enrollment: Running) -> bool:
    async with enrollment.database.read() as connection:
        counts = [
            await connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("person", "coverage", "outbox", "import_part")
        ]
    return not any(counts)


BAD_FILES: dict[str, tuple[str, Callable[[SimpleNamespace], bytes], str]] = {
    "empty": ("csv", lambda people: b"", "空"),
    "empty sheet": ("xlsx", lambda people: book_of(名单=[]), "空"),
    "in UTF-16": ("csv", lambda people: people.csv(people.row(1)).decode("utf-8-sig").encode("utf-16"), "CSV UTF-8"),
    "no text": ("csv", lambda people: bytes(range(256)) * 4, "CSV UTF-8"),
    "a title twice": ("csv", lambda people: people.csv().replace("参保日期".encode(), "姓名".encode()), "表头"),
    "a title unknown": ("csv", lambda people: people.csv().replace("县区".encode(), "县城".encode()), "表头"),
    "an open quote": ("csv", lambda people: people.csv(people.row(1)) + '"王\n'.encode(), "引号"),
    "truncated XLSX": ("xlsx", lambda people: book_of(名单=rows_of(people, people.row(1)))[:-300], "重新"),
    "formula": (
        "xlsx",
        lambda people: book_of(名单=rows_of(people, people.row(1, 缴费基数="=5000+432.1"))),
        "公式",
    ),
    "two sheets of people": (
        "xlsx",
        lambda people: book_of(一=rows_of(people, people.row(1)), 二=rows_of(people, people.row(2))),
        "“一”、“二”",
    ),
    "truncated zip": ("zip", lambda people: zipped(people.csv(*(people.row(n) for n in range(99))))[:-200], "重新"),
    "another format": ("zip", lambda people: book_of(名单=[["x"]])[:100] and b"PK" + bytes(99), "重新"),
}


@pytest.mark.parametrize("case", BAD_FILES)
async def test_the_file_is_refused_with_what_to_do_and_nothing_is_kept(
    case: str, enrollment: Running, sent: Sent, people: SimpleNamespace
) -> None:
    form, made, word = BAD_FILES[case]
    problem = await sent(made(people), form=form)
    assert problem.get("code") == "file.invalid", problem
    assert word in problem["detail"]
    assert await nobody_is_kept(enrollment)


@pytest.mark.parametrize("form", ["xlsx", "csv"])
async def test_the_template_that_a_refusal_speaks_of_is_a_file_that_loads(
    enrollment: Running, sent: Sent, clerk: Who, form: str
) -> None:
    template = await enrollment.get("/persons/imports/template", clerk, format=form)
    done = await sent(template.content, form=form)
    assert (done["status"], done["rows"], done["errors"]) == ("done", 0, [])


async def test_a_small_zip_that_unpacks_into_more_than_memory_is_refused_before_it_is_unpacked(
    enrollment: Running, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_files, "UNPACKED_BYTES_MAX", 10 * 1024 * 1024)
    bomb = zipped(bytes(11 * 1024 * 1024))
    assert len(bomb) < 20_000
    assert "解压后" in (await sent(bomb, form="zip"))["detail"]
    assert await nobody_is_kept(enrollment)


async def test_a_zip_that_lies_about_its_size_is_refused(enrollment: Running, sent: Sent) -> None:
    content = bytearray(zipped(bytes(100_000)))
    entry = content.rindex(b"PK\x01\x02")
    for at in (22, entry + 24):
        content[at : at + 4] = (10).to_bytes(4, "little")
    assert "损坏" in (await sent(bytes(content), form="zip"))["detail"]
    assert await nobody_is_kept(enrollment)


async def test_what_a_spreadsheet_saves_in_gb18030_is_read_as_it_was_written(
    sent: Sent, people: SimpleNamespace
) -> None:
    content = people.csv(people.row(1, 姓名="㐂王小芳"), people.row(2)).decode("utf-8-sig").encode("gb18030")
    assert (await sent(content))["loaded"] == 2


async def test_a_number_that_a_spreadsheet_rounded_is_told_by_row_and_the_others_are_loaded(
    sent: Sent, people: SimpleNamespace
) -> None:
    as_number = {**people.row(2), "公民身份号码": float(people.number(2)[:17] + "0")}
    as_text = people.row(3, 公民身份号码="2.11102E+17")
    rows = [list(people.header), *([*row.values()] for row in (people.row(1), as_number, as_text))]
    done = await sent(book_of(名单=rows), form="xlsx")
    assert (done["loaded"], done["rejected"]) == (1, 2)
    reasons = {each["line"]: (each["field"], each["reason"]) for each in done["errors"]}
    assert reasons[3][0] == reasons[4][0] == "resident_number"
    assert "15 位" in reasons[3][1]
    assert "科学计数法" in reasons[4][1]


async def test_what_is_wrong_with_a_row_is_told_with_line_and_reason(
    enrollment: Running, sent: Sent, people: SimpleNamespace
) -> None:
    wrong = {
        "公民身份号码": ("211102195001010001", "resident_number", "校验"),
        "县区": ("330302", "county", "权限"),
        "参保类别": ("学生", "category", "应为"),
        "缴费基数": ("-0.01", "base_yuan", "负"),
        "停保日期": ("2025-12-31", "end", "早于"),
        "参保日期": ("2026-13-01", "start", "日期"),
        "人员标识": ("低收入", "marks", "应为"),
    }
    rows = [people.row(n, **{column: cell}) for n, (column, (cell, *_)) in enumerate(wrong.items(), 1)]
    retired = people.row(20, 参保类别="退休人员", 参保日期="2026-05-01")
    done = await sent(people.csv(people.row(20), retired, *rows))
    assert (done["loaded"], done["rejected"]) == (1, len(wrong) + 1)
    told = {each["line"]: each for each in done["errors"]}
    assert "第 2 行是同一人" in told[3]["reason"]
    for line, (_, field, word) in enumerate(wrong.values(), 4):
        assert (told[line]["field"], word in told[line]["reason"]) == (field, True), told[line]
    # A second coverage on the same days is not taken beside the first, whoever sends it.
    again = await sent(people.csv(retired))
    assert [(each["field"], "重叠" in each["reason"]) for each in again["errors"]] == [("start", True)]
