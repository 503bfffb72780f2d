"""Every cell comes in as it was written, with its line, or it is said why not."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from changhu_common import bulk_files
from changhu_common.bulk_files import BulkColumn, BulkFile, InvalidFile, read_bulk
from changhu_common.errors import FieldError
from changhu_common.table_files import error_file
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = BulkColumn("name", "姓名")
NUMBER = BulkColumn("resident_number", "身份证号")
PHONE = BulkColumn("phone", "电话", required=False)
COLUMNS = (NAME, NUMBER, PHONE)
GOOD = "211102195001011237"
HEAD = ["姓名", "身份证号"]


def csv_of(*lines: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(["姓名,身份证号", *lines]).encode(encoding)


def xlsx_of(*rows: Sequence[object], at: tuple[int, int] = (0, 0)) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet()
        for row, cells in enumerate(rows, at[0]):
            for column, cell in enumerate(cells, at[1]):
                if isinstance(cell, str) and cell.startswith("="):
                    sheet.write_formula(row, column, cell)
                elif isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(row, column, cell, day)
                elif cell is not None:
                    sheet.write(row, column, cell)
    return buffer.getvalue()


def book_of(**sheets: Sequence[Sequence[str]]) -> bytes:
    """A workbook with these sheets."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write_string(row, column, cell)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def told(file: BulkFile) -> list[tuple[object, ...]]:
    return file.rows.rows()


def refused(content: bytes) -> InvalidFile:
    with pytest.raises(InvalidFile) as found:
        read_bulk(content, COLUMNS)
    return found.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_clerks_have(encoding: str) -> None:
    file = read_bulk(csv_of(f"王小芳,{GOOD}", f"㐂李雷,{GOOD}", encoding=encoding), COLUMNS)
    assert told(file) == [(2, "王小芳", GOOD, None), (3, "㐂李雷", GOOD, None)]
    assert file.rows.schema == {"line": pl.Int64, **dict.fromkeys(("name", "resident_number", "phone"), pl.String)}


@pytest.mark.parametrize(
    "content", [csv_of("王,1", encoding="utf-16"), b"\x00\x01\x02" * 99, b"\xff\xd8\xff\xe0" + bytes(range(256))]
)
def test_any_other_encoding_is_refused(content: bytes) -> None:
    assert "UTF-8" in refused(content).detail


def test_a_csv_in_a_zip_is_read() -> None:
    content = zipped(**{"people.csv": csv_of(f"王,{GOOD}"), "__MACOSX/._people.csv": b"\x00"})
    assert told(read_bulk(content, COLUMNS)) == [(2, "王", GOOD, None)]


def test_a_zip_of_several_files_is_refused() -> None:
    assert "只有一个" in refused(zipped(a=b"", b=b"")).detail


def test_lines_are_those_of_the_file_where_cells_run_over_lines_and_lines_are_empty() -> None:
    content = csv_of('"王\r\n小芳",1', "", ",", "李,2")
    assert [(row[0], row[2]) for row in told(read_bulk(content, COLUMNS))] == [(2, "1"), (6, "2")]


@given(st.text(alphabet="a王,\n '=", max_size=60))
def test_a_file_without_quotes_is_read_by_column_as_it_is_by_row(text: str) -> None:
    def read(how: Callable[[bytes], tuple[list[str], pl.DataFrame, list[FieldError]]]) -> Any:
        try:
            titles, rows, errors = how(text.encode())
        except InvalidFile as invalid:
            return invalid.detail
        return titles, [tuple(cell or "" for cell in row) for row in rows.rows()], errors

    assert read(bulk_files._unquoted) == read(bulk_files._quoted)


def test_a_row_with_too_many_or_too_few_cells_is_an_error_of_its_own() -> None:
    file = read_bulk(csv_of("王,1,2", "李,2", "赵"), COLUMNS)
    assert [(error.line, "列" in error.reason) for error in file.errors] == [(2, True), (4, True)]
    assert file.good_rows()["line"].to_list() == [3]


def test_an_open_quote_refuses_the_file_and_names_the_line() -> None:
    assert "第 3 行" in refused(csv_of("王,1", '"李,2', "赵,3")).detail


def test_a_number_in_scientific_notation_is_refused_by_row_and_a_code_with_an_e_is_not() -> None:
    file = read_bulk(csv_of("王,2.11102E+17", "李,1E5"), COLUMNS)
    assert [(error.line, error.field) for error in file.errors] == [(2, "resident_number")]
    assert "科学计数法" in file.errors[0].reason


def test_xlsx_gives_what_csv_gives() -> None:
    file = read_bulk(xlsx_of([*HEAD, "电话"], ["王", GOOD, "13904270000"], [None], ["李", GOOD]), COLUMNS)
    assert told(file) == [(2, "王", GOOD, "13904270000"), (4, "李", GOOD, None)]
    assert not file.errors


def test_a_number_that_a_spreadsheet_rounded_is_refused_and_the_same_digits_as_text_are_not() -> None:
    rounded = int(GOOD) // 1000 * 1000
    file = read_bulk(xlsx_of(HEAD, ["王", rounded], ["李", str(rounded)], ["赵", 123456789012345]), COLUMNS)
    assert [(error.line, error.field) for error in file.errors] == [(2, "resident_number")]
    assert "15 位" in file.errors[0].reason
    assert file.good_rows()["resident_number"].to_list() == [str(rounded), "123456789012345"]


def test_numbers_and_days_in_xlsx_become_the_text_that_is_seen() -> None:
    file = read_bulk(xlsx_of(HEAD, [12, date(2026, 7, 1)], [1.5, 0.1]), COLUMNS)
    assert told(file) == [(2, "12", "2026-07-01", None), (3, "1.5", "0.1", None)]


def test_a_table_that_starts_further_down_and_right_keeps_its_lines() -> None:
    content = xlsx_of(HEAD, ["王", GOOD], at=(3, 0))
    assert told(read_bulk(content, COLUMNS)) == [(5, "王", GOOD, None)]


def test_formulas_are_refused_because_only_their_last_value_can_be_read() -> None:
    assert "公式" in refused(xlsx_of(HEAD, ["王", "=1+1"])).detail


@pytest.mark.parametrize("cut", [10, 500, -1, -300])
def test_a_truncated_xlsx_is_refused(cut: int) -> None:
    assert "损坏" in refused(xlsx_of(HEAD, ["王", GOOD])[:cut]).detail


def test_a_corrupt_xlsx_is_refused() -> None:
    content = bytearray(xlsx_of(HEAD, *([["王", GOOD]] * 500)))
    for at in range(len(content) // 4, len(content) // 2):
        content[at] ^= 0x5A
    assert refused(bytes(content)).status == 422


def test_a_zip_that_only_looks_like_xlsx_is_refused() -> None:
    assert refused(zipped(**{"[Content_Types].xml": b"<Types/>"})).code == "file.invalid"


def test_a_truncated_zip_is_refused() -> None:
    content = zipped(**{"参保.csv": csv_of(*["王,1"] * 500)})
    for cut in (len(content) // 2, -1):
        assert "损坏" in refused(content[:cut]).detail


def test_of_several_sheets_the_one_with_the_columns_is_read() -> None:
    content = book_of(说明=[["先填姓名"], ["再填身份证号"]], 名单=[HEAD, ["王", GOOD]], 代码=[["县区", "代码"]])
    assert told(read_bulk(content, COLUMNS)) == [(2, "王", GOOD, None)]


def test_several_sheets_with_the_columns_are_refused_by_name_because_none_is_left_out_in_silence() -> None:
    detail = refused(book_of(一=[HEAD, ["王", GOOD]], 二=[HEAD, ["李", GOOD]])).detail
    assert "“一”、“二”" in detail
    assert "分别另存" in detail


def test_where_no_sheet_has_the_columns_those_of_the_first_are_told() -> None:
    content = book_of(一=[["姓名", "年龄"]], 二=[["x"]])
    assert {error.reason for error in refused(content).errors} == {"未知的列“年龄”", "缺少列“身份证号”"}


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_letter_on_the_border_of_two_pieces_is_whole(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_files, "PIECE_BYTES", 3)
    assert told(read_bulk(csv_of("㐂王小芳,1", encoding=encoding), COLUMNS)) == [(2, "㐂王小芳", "1", None)]


def test_an_old_or_encrypted_workbook_is_refused_with_what_to_do() -> None:
    assert "XLSX" in refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)).detail


def test_a_cell_far_out_does_not_fill_the_memory() -> None:
    assert "BZ" in refused(xlsx_of(HEAD, [*["x"] * 79])).detail
    far = io.BytesIO()
    with xlsxwriter.Workbook(far) as book:
        book.add_worksheet().write_string(1_048_575, 0, "x")
    assert "行" in refused(far.getvalue()).detail


def test_limits_are_told_by_their_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_files, "ROWS_MAX", 2)
    assert "2 行" in refused(csv_of("a,1", "b,2", "c,3")).detail
    assert "2 行" in refused(xlsx_of(HEAD, ["a"], ["b"], ["c"])).detail
    assert len(read_bulk(csv_of("a,1", "b,2"), COLUMNS).rows) == 2
    monkeypatch.setattr(bulk_files, "UNPACKED_BYTES_MAX", 1000)
    assert "解压后" in refused(zipped(a=bytes(10_000))).detail
    monkeypatch.setattr(bulk_files, "FILE_BYTES_MAX", 5)
    assert "MB" in refused(b"123456").detail


def test_a_header_that_does_not_fit_is_refused_with_every_reason() -> None:
    for content in ("姓名,年龄,姓名\n".encode(), xlsx_of(["姓名", "年龄", "姓名"])):
        reasons = {error.reason for error in refused(content).errors}
        assert reasons == {"未知的列“年龄”", "列“姓名”重复", "缺少列“身份证号”"}


@pytest.mark.parametrize("content", [b"", b"\n\n", xlsx_of()])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert "空" in refused(content).detail


def test_a_header_alone_is_a_file_without_rows() -> None:
    for content in (csv_of(), xlsx_of(HEAD)):
        assert told(read_bulk(content, COLUMNS)) == []


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_an_error_file_holds_the_bad_rows_and_can_be_sent_again(form: str) -> None:
    file = read_bulk(csv_of(f"王,{GOOD}", "=1+1,2", "-李,3"), COLUMNS)
    errors = [FieldError("resident_number", "应为 18 位", 3), FieldError("name", "含有符号", 4)]
    content = error_file(file, errors, form="xlsx" if form == "xlsx" else "csv")
    again = read_bulk(content, COLUMNS)
    assert told(again) == [(2, "=1+1", "2", None), (3, "-李", "3", None)]
    assert file.good_rows(errors)["line"].to_list() == [2]


def test_an_error_file_in_csv_holds_no_formula_and_says_line_and_reason() -> None:
    file = read_bulk(csv_of('"=HYPERLINK(""http://x"")",2'), COLUMNS)
    text = error_file(file, [FieldError("resident_number", "应为 18 位", 2)], form="csv")
    assert text.startswith("\ufeff行号,姓名".encode())
    line = text.decode("utf-8-sig").splitlines()[1]
    assert line.startswith("2,\"'=HYPERLINK")
    assert line.endswith("身份证号：应为 18 位")


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=5))
def test_any_text_survives_reading_and_the_error_file(names: list[str]) -> None:
    written = io.StringIO()
    pl.DataFrame({"姓名": names, "身份证号": [GOOD] * len(names)}).write_csv(written)
    file = read_bulk(written.getvalue().encode(), COLUMNS)
    expected = [name[1:] if name[0] == "'" and name[1:2] and name[1] in "=+-@" else name for name in names]
    assert file.rows["name"].to_list() == [each.strip() for each in expected]
    if not file.errors:
        errors = [FieldError("name", "?", line) for line in file.rows["line"]]
        again = read_bulk(error_file(file, errors, form="xlsx"), COLUMNS)
        assert again.rows["name"].to_list() == file.rows["name"].to_list()
