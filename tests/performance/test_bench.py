"""The bench's pieces run, so that it is there when somebody wants a figure. What it measures is not looked at."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.performance import bench


def test_a_path_is_measured_beside_its_baseline_as_a_table_and_as_json(tmp_path: Path) -> None:
    answer = CliRunner().invoke(bench.app, ["--quick", "--only", "imports", "--json", str(tmp_path / "bench.json")])
    assert answer.exit_code == 0, answer.output
    assert "COPY of the file" in answer.output
    said = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    (path,) = said["paths"]
    (figure,) = path["figures"]
    assert (path["path"], figure["size"]) == ("imports", 200)
    assert figure["ours"]["per_second"] > 0
    assert figure["baselines"][0]["ratio"] > 0


def test_every_path_says_what_it_counts_and_has_two_sizes() -> None:
    for name, path in bench.known().items():
        assert path.__doc__, name
        assert len(path.SIZES) == 2, name
        assert min(path.SIZES) > path.QUICK, name


def test_a_path_that_does_not_exist_is_refused_with_those_that_do() -> None:
    answer = CliRunner().invoke(bench.app, ["--only", "nothing"])
    assert answer.exit_code != 0
    assert "imports" in answer.output
