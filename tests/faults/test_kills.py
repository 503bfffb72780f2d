"""Killed at any moment and started again, the demo ends with the books of an undisturbed run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHANGHU = Path(sys.executable).parent / "changhu"
CITY = ["--people", "120", "--applications", "6", "--seed", "5"]
KILLS = 10


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    made = Path(tempfile.mkdtemp(prefix="changhu-kills-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(data: Path) -> subprocess.Popen[bytes]:
    with (data.parent / "demo.log").open("ab") as log:
        return subprocess.Popen(
            [CHANGHU, "demo", "--data", data, *CITY], stdout=log, stderr=log, start_new_session=True
        )


def books(data: Path) -> dict[str, object]:
    told = subprocess.run(
        [CHANGHU, "books", "211100", "--data", data, "--json"], capture_output=True, timeout=120, check=True
    )
    answer: dict[str, object] = json.loads(told.stdout)
    del answer["anchor"]  # it also says which ids were given, and in which order
    return answer


def finish(data: Path) -> float:
    began = time.monotonic()
    code = start(data).wait(timeout=300)
    assert code == 0, (data.parent / "demo.log").read_text(errors="replace")[-4000:]
    return time.monotonic() - began


def test_ten_kills_change_nothing_in_the_books(folder: Path) -> None:
    seconds = finish(folder / "undisturbed")
    expected = books(folder / "undisturbed")
    chance = random.Random(int(os.environ.get("CHANGHU_KILL_SEED", "0")) or time.time_ns())
    moments = []
    for _ in range(KILLS):
        demo = start(folder / "killed")
        moment = chance.uniform(0.3, seconds)
        try:
            demo.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            moments.append(round(moment, 2))
            # The whole group takes PostgreSQL along at once; the parent alone leaves it behind.
            if chance.random() < 0.5:
                os.killpg(demo.pid, signal.SIGKILL)
            else:
                demo.kill()
            demo.wait(timeout=30)
    finish(folder / "killed")
    assert books(folder / "killed") == expected, f"killed after {moments} s"
