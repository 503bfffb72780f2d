"""`make bench`: each hot path beside its baseline, as a table and as JSON. Nothing here can fail a build.

A path is a module in `paths` with what it counts in its docstring, `SIZES`, `QUICK` and
`async def measure(ground, size)`; it is found by being there.
"""

import asyncio
import importlib
import logging
import pkgutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Protocol, cast

import typer
from rich.console import Console

from tests.performance import paths
from tests.performance.figures import Figure, Measured, as_table, notes, write_json
from tests.performance.ground import Ground

JSON = Path(__file__).parents[2] / "bench.json"


class MeasuredPath(Protocol):
    """A module in `paths`."""

    SIZES: tuple[int, ...]
    QUICK: int

    async def measure(self, ground: Ground, size: int) -> list[Figure]:
        """What the path reaches at this size, on fresh databases."""
        ...


def known() -> dict[str, MeasuredPath]:
    """Every path by its name."""
    names = sorted(each.name for each in pkgutil.iter_modules(paths.__path__))
    return {name: cast(MeasuredPath, importlib.import_module(f"{paths.__name__}.{name}")) for name in names}


async def run(ground: Ground, wanted: Sequence[str], *, quick: bool, console: Console) -> list[Measured]:
    """Measure these paths one after the other, each at its sizes; `quick` only shows that they run."""
    measured = []
    for name in wanted:
        path = known()[name]
        figures: list[Figure] = []
        began = time.perf_counter()
        for size in (path.QUICK,) if quick else path.SIZES:
            with console.status(f"{name}: {size:,}"):
                figures += await path.measure(ground, size)
            console.print(f"{name}: {size:,} ✓ {time.perf_counter() - began:.1f} s", highlight=False)
        measured.append(Measured(path=name, figures=figures, seconds=time.perf_counter() - began))
    return measured


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="A path to measure; may be said several times.")] = None,
    quick: Annotated[
        bool, typer.Option(help="Tiny sizes: shows that everything runs, the figures say little.")
    ] = False,
    json: Annotated[Path, typer.Option(help="Where the figures go as JSON.")] = JSON,
) -> None:
    """Measure the hot paths, each beside a baseline of the same run."""
    if strangers := set(only or ()) - known().keys():
        raise typer.BadParameter(f"no such path: {', '.join(sorted(strangers))}; there are {', '.join(known())}")
    progress = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics that were just made look unknown for a moment
    with tempfile.TemporaryDirectory(prefix="changhu-bench-", ignore_cleanup_errors=True) as folder:
        progress.print("PostgreSQL is made in a temporary folder …")
        with Ground(Path(folder)) as ground:
            measured = asyncio.run(run(ground, only or list(known()), quick=quick, console=progress))
            write_json(json, measured=measured, ground=ground.described())
    # Wide enough for a figure a line, also where the output goes into a file.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(as_table(measured))
    for note in notes(measured):
        console.print(f"— {note}", markup=False)
    console.print(f"{sum(each.seconds for each in measured):.0f} s; also in {json}", markup=False)


if __name__ == "__main__":
    app()
