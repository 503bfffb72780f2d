"""The day is Shanghai's, and a movable clock only moves forward, for every process alike."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from changhu_common.clock import Clock, FileClock, SystemClock
from changhu_common.periods import SHANGHAI


def test_the_system_clock_is_aware_of_its_zone() -> None:
    clock: Clock = SystemClock()
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=5)
    assert clock.now().utcoffset() == timedelta(0)


def test_today_is_the_day_in_shanghai(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock")
    clock.advance_to(datetime(2026, 6, 30, 16, 30, tzinfo=UTC))
    assert clock.today() == date(2026, 7, 1)


def test_the_clock_stands_where_it_was_put(tmp_path: Path) -> None:
    clock: FileClock = FileClock(tmp_path / "deep" / "clock")
    moment = datetime(2026, 7, 1, 8, 0, tzinfo=SHANGHAI)
    assert clock.advance_to(moment) == moment
    assert clock.now() == clock.now() == moment


def test_the_clock_never_goes_back(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock")
    july = clock.advance_to(datetime(2026, 7, 1, tzinfo=SHANGHAI))
    assert clock.advance_to(datetime(2026, 6, 1, tzinfo=SHANGHAI)) == july
    assert clock.now() == july


def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        FileClock(tmp_path / "clock").advance_to(datetime(2026, 7, 1))  # noqa: DTZ001 — it is the point


def test_another_process_reads_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    moment = FileClock(path).advance_to(datetime(2026, 7, 1, 8, 0, tzinfo=SHANGHAI))
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, changhu_common.clock as c;"
            "print(c.FileClock(pathlib.Path(sys.argv[1])).now().isoformat())",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert datetime.fromisoformat(told.stdout.strip()) == moment
