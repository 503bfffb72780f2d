"""A figure stands beside a baseline of the same run and the same machine, or says why there is none.

What is compared is a ratio: the machine, its disk and its neighbours change the rates, and both alike.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many a second; None where it could not be measured, with the reason."""

    what: str
    per_second: float | None
    why_not: str = ""

    @classmethod
    def of(cls, what: str, count: int, seconds: float) -> "Rate":
        return cls(what=what, per_second=count / seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a path reached at one size, beside its baselines.

    `unit` is what is counted, `beside` what else was seen: SQL statements per visit, milliseconds.
    """

    unit: str
    size: int
    ours: Rate
    baselines: Sequence[Rate] = ()
    beside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A path with its figures."""

    path: str
    figures: Sequence[Figure]
    seconds: float


def as_table(measured: Sequence[Measured]) -> Table:
    table = Table(title="Changhu's hot paths, each beside its baseline")
    for heading in ("path", "what", "size", "per second", "baseline", "per second", "ratio", "beside"):
        right = heading in ("size", "per second", "ratio")
        # A figure is read whole or not at all; names may take a second line.
        table.add_column(heading, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for path in measured:
        for figure in path.figures:
            _add(table, path.path, figure)
        table.add_section()
    return table


def _add(table: Table, path: str, figure: Figure) -> None:
    beside = ", ".join(f"{name} {_short(value)}" for name, value in figure.beside.items())
    left = (path, f"{figure.ours.what} ({figure.unit})", f"{figure.size:,}", _shown(figure.ours))
    if not figure.baselines:
        table.add_row(*left, "", "", "", beside)
    for number, baseline in enumerate(figure.baselines):
        ratio = _ratio(figure.ours, baseline)
        right = (baseline.what, _shown(baseline), "" if ratio is None else f"{ratio:.2g}")
        table.add_row(*(left if number == 0 else [""] * 4), *right, beside if number == 0 else "")


def _ratio(ours: Rate, baseline: Rate) -> float | None:
    """Our share of what the baseline reaches."""
    if ours.per_second is None or not baseline.per_second:
        return None
    return ours.per_second / baseline.per_second


def _shown(rate: Rate) -> str:
    return "—" if rate.per_second is None else _short(rate.per_second)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def notes(measured: Sequence[Measured]) -> list[str]:
    """Why something was not measured, once each."""
    rates = [rate for path in measured for figure in path.figures for rate in (figure.ours, *figure.baselines)]
    return list(dict.fromkeys(f"{rate.what}: {rate.why_not}" for rate in rates if rate.why_not))


def write_json(path: Path, *, measured: Sequence[Measured], ground: Mapping[str, Any]) -> None:
    """The same figures for a machine, with what they were measured on."""
    said = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "processors": os.cpu_count(),
            "load_average": os.getloadavg(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        **ground,
        "paths": [_path(each) for each in measured],
    }
    path.write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _path(measured: Measured) -> dict[str, Any]:
    said = asdict(measured)
    for figure, told in zip(measured.figures, said["figures"], strict=True):
        for baseline, beside in zip(figure.baselines, told["baselines"], strict=True):
            beside["ratio"] = _ratio(figure.ours, baseline)
    return said


def _commit() -> str | None:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
