"""A whole city killed at any moment of its import and told again ends with everybody in once, and every fen booked."""

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

COMMAND = (sys.executable, "-c", "from changhu_standalone.cli import main; main()", "demo-city")
KILLS = 4


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    made = Path(tempfile.mkdtemp(prefix="changhu-city-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(data: Path, scale: str) -> subprocess.Popen[bytes]:
    with (data.parent / "demo.log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, "--scale", scale, "--data", data], stdout=log, stderr=log, start_new_session=True
        )


def test_a_killed_import_begins_again_and_nobody_is_in_twice(folder: Path) -> None:
    # 24,087 people: enough for a first load in tables of its own.
    chance = random.Random(int(os.environ.get("CHANGHU_KILL_SEED", "0")) or time.time_ns())
    for _ in range(KILLS):
        demo = start(folder / "city", "0.01")
        try:
            demo.wait(timeout=chance.uniform(4, 12))
        except subprocess.TimeoutExpired:
            if chance.random() < 0.5:
                os.killpg(demo.pid, signal.SIGKILL)
            else:
                demo.kill()
            demo.wait(timeout=30)
    code = start(folder / "city", "0.01").wait(timeout=300)
    log = (folder / "demo.log").read_text(errors="replace")
    assert code == 0, log[-4000:]
    assert "分毫不差" in log
