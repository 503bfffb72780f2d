"""A file is imported from the command line; bad rows stand in a file beside it, and sent again nothing doubles."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from changhu_standalone.story.population import WholeCity

COMMAND = (sys.executable, "-c", "from changhu_standalone.cli import main; main()", "import-persons")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    made = Path(tempfile.mkdtemp(prefix="changhu-importing-"))
    (made / "data" / "postgres").mkdir(parents=True)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def imported(folder: Path, file: Path, *more: str) -> tuple[int, str]:
    command = [*COMMAND, file, "--data", folder / "data", "--region", "330300", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_a_file_is_imported_and_its_bad_rows_are_written_beside_it(folder: Path) -> None:
    city = WholeCity(pool="330300", counts={"330302": 60, "330371": 20})
    file = folder / "people.csv"
    file.write_bytes(city.text().replace(b",330371,", b",999999,", 1))
    assert imported(folder, file) == (1, "共 80 行: 导入 0, 不变 0, 有误 1\n")
    assert "县区代码" in (folder / "people.errors.csv").read_text(encoding="utf-8-sig")
    assert imported(folder, file, "--choice", "good") == (1, "共 80 行: 导入 79, 不变 0, 有误 1\n")
    file.write_bytes(city.text())
    assert imported(folder, file) == (0, "共 80 行: 导入 1, 不变 79, 有误 0\n")


def test_a_file_that_is_none_is_refused_in_a_sentence(folder: Path) -> None:
    file = folder / "other.csv"
    file.write_bytes("姓名\n王\n".encode())
    code, _ = imported(folder, file)
    assert code == 1
