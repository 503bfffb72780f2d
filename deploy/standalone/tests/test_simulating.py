"""A proposed pack is simulated over a standalone's people, as a table, JSON, a picture and a page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changhu_policies import load_pack
from changhu_policies.folders import folder_of
from changhu_standalone.cli import app
from changhu_standalone.cli.charting import as_page, drawn
from changhu_standalone.deployment import Standalone
from typer.testing import CliRunner, Result

POOL = "211100"
COUNTIES = load_pack(POOL).counties
AMENDMENT = """
contribution.rate:
  - {category: [employee, flexible], share: [employer, person], value: 0.25%, clause: 试, status: stated}
  - {category: retiree, share: [employer, person], value: 0.2%, clause: 试, status: stated}
"""
PEOPLE = """
WITH someone AS (
    INSERT INTO person (id, pool, county, name, resident_number, resident_number_index, marks, family_account, revision)
    SELECT gen_random_uuid(), '211100', '211102', 'x', 'x', int4send(n), '[]', false, 1 FROM generate_series(1, 3) n
    RETURNING id
), covered AS (
    INSERT INTO coverage (id, pool, person_id, category, start)
    SELECT gen_random_uuid(), '211100', id, 'employee', DATE '2025-01-01' FROM someone RETURNING id
)
INSERT INTO contribution_base (coverage_id, since, base_fen) SELECT id, DATE '2025-01-01', 543210 FROM covered
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A deployment with three employees, kept up so that each command finds it quickly."""
    folder = tmp_path_factory.mktemp("city")
    standalone = Standalone(folder)
    try:
        standalone.start()
        with standalone.server.connect("enrollment") as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(PEOPLE)
            connection.commit()
        yield folder
    finally:
        standalone.stop()


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    folder = tmp_path / "dearer"
    folder.mkdir()
    (folder / "enrollment.yaml").write_text(AMENDMENT, encoding="utf-8")
    return folder


def simulate(draft: Path | str, data: Path, *more: str) -> Result:
    return CliRunner().invoke(
        app, ["policy", "simulate", str(draft), "--against", POOL, "--year", "2026", "--data", str(data), *more]
    )


def told(draft: Path | str, data: Path, *more: str) -> dict[str, Any]:
    result = simulate(draft, data, "--json", *more)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_an_amendment_is_compared_with_what_holds(draft: Path, data: Path) -> None:
    answer = told(draft, data)
    assert (answer["persons"], answer["due_fen"], answer["draft_fen"]) == (3, 36 * 2172, 36 * 2 * 1358)
    assert answer["difference_fen"] == 36 * (2 * 1358 - 2172)
    (place,) = answer["by_category_and_county"]
    assert (place["category"], place["county_name"]) == ("employee", COUNTIES["211102"])
    assert sum(each["difference_fen"] for each in answer["by_payer"]) == answer["difference_fen"]
    assert answer["draft"]["pack_version"] != answer["pack_version"]


def test_a_whole_pack_or_a_pools_code_is_a_draft_too(data: Path) -> None:
    for same in (folder_of(POOL), POOL):
        assert told(same, data)["difference_fen"] == 0


def test_a_reader_gets_a_table_a_picture_and_a_page(draft: Path, data: Path, tmp_path: Path) -> None:
    result = simulate(draft, data, "--chart", str(tmp_path / "charts"))
    assert result.exit_code == 0, result.output
    assert "在职职工" in result.stdout
    assert "+195.84" in result.stdout
    png, page = sorted((tmp_path / "charts").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert png.read_bytes().startswith(b"\x89PNG")
    written = page.read_text(encoding="utf-8")
    assert "+195.84" in written
    assert "<svg" in written


def test_a_page_needs_nothing_beside_itself_and_shows_no_markup_of_others(draft: Path, data: Path) -> None:
    answer = told(draft, data)
    answer["draft"]["document"] = "<script>alert(1)</script>"
    page = as_page(answer, drawn(answer, "svg").decode())
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page


def test_every_letter_of_a_picture_is_in_its_font(draft: Path, data: Path, recwarn: pytest.WarningsRecorder) -> None:
    drawn(told(draft, data), "png")
    assert not [each for each in recwarn if "Glyph" in str(each.message)]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("enrollment.yaml", "contribution.rat: {value: 1%, clause: 试, status: stated}"),
        ("enrollment.yaml", "benefit.ratio: {value: 80%, clause: 试, status: stated}"),
        ("enrollment.yaml", "contribution.rate: {category: employee, value: 1%, clause: 试, status: stated}"),
        ("pool.yaml", "name: 某市"),
        ("contributions.yaml", "contribution.shares: {value: [person], clause: 试, status: stated}"),
        ("readme.txt", "nothing"),
    ],
)
def test_a_draft_that_contradicts_itself_is_refused_and_says_where(
    file: str, said: str, data: Path, tmp_path: Path
) -> None:
    (tmp_path / file).write_text(said, encoding="utf-8")
    result = simulate(tmp_path, data, "--json")
    assert result.exit_code == 1
    problem = json.loads(result.stdout)
    assert (problem["code"], bool(problem["errors"])) == ("policy.pack_invalid", True)


def test_a_value_that_the_draft_is_missing_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "enrollment.yaml").write_text("contribution.base: {clause: 试, status: missing}", encoding="utf-8")
    result = simulate(tmp_path, data, "--json")
    problem = json.loads(result.stdout)
    assert (result.exit_code, problem["code"], problem["parameter"]) == (1, "policy.missing", "contribution.base")


def test_what_is_not_there_is_refused(data: Path, tmp_path: Path) -> None:
    assert json.loads(simulate("nowhere", data, "--json").stdout)["code"] == "input.invalid"
    assert json.loads(simulate(POOL, tmp_path / "empty", "--json").stdout)["code"] == "input.invalid"
