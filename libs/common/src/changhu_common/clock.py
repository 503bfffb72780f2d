"""Time comes in from the edge: whoever needs the moment or the day is given a clock.

A system runs on the machine's clock. A demonstration runs on a clock that stands still in a file
until it is moved; production refuses such a clock, because whoever can move time can move deadlines.
"""

import fcntl
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from changhu_common.periods import day_of


class Clock(Protocol):
    """The present, as a service sees it."""

    def now(self) -> datetime:
        """The moment, aware of its time zone (UTC)."""
        ...

    def today(self) -> date:
        """The calendar day in Asia/Shanghai."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return day_of(self.now())


class FileClock:
    """A clock that stands in a file, shared by every process that reads the file, and only moves forward."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        return datetime.fromisoformat(self.path.read_text(encoding="ascii"))

    def today(self) -> date:
        return day_of(self.now())

    def advance_to(self, moment: datetime) -> datetime:
        """Move the clock to `moment` unless it stands later already; answers where it stands now.

        A story that was cut off and told again passes moments that are over: they change nothing.
        """
        if moment.tzinfo is None:
            raise ValueError("a clock cannot be moved to a moment without a time zone")
        moment = moment.astimezone(UTC)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two that move it at once must not undo each other
            if self.path.exists() and (standing := self.now()) >= moment:
                return standing
            beside = self.path.with_suffix(".new")
            with beside.open("w", encoding="ascii") as file:
                file.write(moment.isoformat())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)  # a reader sees the old moment or the new one, never half of it
        return moment
