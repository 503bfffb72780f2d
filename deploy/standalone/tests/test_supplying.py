"""What operators supply through the command line: one enters, another approves, and it comes out as a folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changhu_policies import Supplied, load_pack
from changhu_standalone.cli import app
from changhu_standalone.deployment import Standalone
from typer.testing import CliRunner

POOL = "211100"
FILE = {
    "statistics": {"city_resident_disposable_income": {2025: {"value": 4_320_000, "source": "统计公报"}}},
    "values": [{"parameter": "benefit.ratio", "qualifiers": {"mode": "community"}, "value": "75%",
                "from": "2026-01-01", "to": None, "source": "批复"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A deployment's folder; its server stays up between the commands."""
    folder = tmp_path_factory.mktemp("supplying")
    standalone = Standalone(folder)
    standalone.start()
    yield folder
    standalone.stop()


def run(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["policy", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_file_is_entered_by_one_approved_by_another_and_exported(data: Path, tmp_path: Path) -> None:
    file = tmp_path / f"{POOL}.yaml"
    file.write_text(json.dumps(FILE, ensure_ascii=False), encoding="utf-8")
    at = ("--data", str(data))

    code, entered = run("supply", str(file), *at, "--as", "甲")
    assert (code, [each["status"] for each in entered["values"]]) == (0, ["entered", "entered"])
    assert run("supply", str(file), *at, "--as", "甲") == (0, entered)

    code, refused = run("approve", POOL, *at, "--as", "甲")
    assert (code, refused["code"]) == (1, "post.not_separated")
    code, approved = run("approve", POOL, *at, "--as", "乙")
    assert {(each["status"], each["entered_by"], each["approved_by"]) for each in approved["values"]} == {
        ("approved", "甲", "乙")
    }
    assert run("approve", POOL, *at, "--as", "乙") == (0, {"values": []})

    folder = tmp_path / "exported"
    code, told = run("export", str(folder), *at)
    assert (code, [each["values"] for each in told["files"]]) == (0, [2])
    pack = load_pack(POOL, Supplied.from_folder(folder))
    assert pack.statistic("city_resident_disposable_income", 2025).value == 4_320_000
    code, told = run("explain", POOL, "benefit.ratio", "--on", "2026-07-01", "--for", "mode=community",
                     "--supplied", str(folder))  # fmt: skip
    assert (told["values"][0]["value"], told["pack_version"]) == ("75%", pack.version)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"values": [{"parameter": "benefit.ration", "value": "1%", "from": "2026-01-01"}]}, "input.invalid"),
        ({"values": [{"parameter": "benefit.ratio", "qualifiers": {"mode": "home"}, "value": "90%",
                      "from": "2026-01-01", "source": "无权"}]}, "input.invalid"),
        ({"values": [{"parameter": "handling.fee_share", "value": "5%", "from": "2026-01-01"}]}, "input.invalid"),
        ({"colours": {}}, "input.invalid"),
    ],
    ids=["unknown", "stated by the document", "without a paper", "no such section"],
)  # fmt: skip
def test_what_cannot_be_supplied_is_refused(data: Path, tmp_path: Path, said: Any, problem: str) -> None:
    file = tmp_path / f"{POOL}.yaml"
    file.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    code, told = run("supply", str(file), "--data", str(data))
    assert (code, told["code"]) == (1, problem)


def test_a_folder_without_a_deployment_is_told(tmp_path: Path) -> None:
    code, told = run("export", str(tmp_path / "out"), "--data", str(tmp_path / "nowhere"))
    assert (code, told["code"]) == (1, "not_found")
    code, told = run("supply", str(tmp_path / "nothing.yaml"), "--data", str(tmp_path))
    assert (code, told["code"]) == (1, "input.invalid")
