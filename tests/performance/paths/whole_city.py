"""A whole city's file and its contributions: taken in, loaded first, charged, loaded again with 1 % changed, corrected.

Each beside COPY of the same: of the file into a plain table, of the rows into the same indexed tables, of the dues;
what concerns 1 % is beside the same done for everybody.
"""

import asyncio
import resource
import tempfile
import time
from pathlib import Path

import psycopg
from changhu_common.roles import Role
from changhu_policies import load_pack
from changhu_standalone.story.population import WholeCity
from enrollment.app import SERVICE
from enrollment.storage.identities import Identities
from enrollment.usecases.imports import Imports
from psycopg import sql

from tests.performance.figures import Figure, Rate
from tests.performance.ground import POOL, Ground, stopwatch
from tests.support.running import Running

SIZES = (100_000, 1_000_000)
QUICK = 25_000

PLAIN = (
    "CREATE TABLE plain (name text, number text, county text, category text, start text, stop text, base text,"
    " marks text)"
)
# What a loaded person consists of; identities count on by themselves.
LOADED = {
    "person": "*",
    "coverage": "*",
    "contribution_base": "*",
    "outbox": "event_id, topic, key, headers, value",
    "audit": "at, actor, origin, action, subject, subject_id, before, after",
}
# The month of the changes: what is told of a base holds from this month on.
PERIOD = "2026-08"
DUES = ("contribution_run", "due_rule", "due")


async def measure(ground: Ground, size: int) -> list[Figure]:
    city = WholeCity(pool=POOL, counts=_in_pool(size), based=True)
    content, changed = city.text(), city.text(changed=True)
    with tempfile.TemporaryDirectory() as folder:
        async with ground.running(SERVICE) as first:
            clerk = first.token(Role.ENROLLMENT_CLERK)
            taken_in, loaded = await _load(first, clerk, content, size)
            rows = await asyncio.to_thread(_copied_out, first, Path(folder), LOADED)
            with stopwatch() as run:
                answer = await first.post("/contribution-runs", clerk, {"pool": POOL, "period": PERIOD})
            assert answer.status_code == 201, answer.text
            dues = await asyncio.to_thread(_copied_out, first, Path(folder), dict.fromkeys(DUES, "*"))
            _, again = await _load(first, clerk, changed, size)
            with stopwatch() as correction:
                at = f"/contribution-runs/{answer.json()['run_id']}/corrections"
                corrected = await first.post(at, clerk, {"reason": "基数申报有误"})
            assert corrected.status_code == 201, corrected.text
        async with ground.running(SERVICE) as beside:
            indexed = await asyncio.to_thread(_copied_in, beside, rows)
            of_dues = await asyncio.to_thread(_copied_in, beside, dues)
    plain = await _plain(ground, content)
    return [
        _figure(size, "taken in, sealed", taken_in, "COPY of the file", plain),
        _figure(size, "a pool's first load", loaded, "COPY into the indexed tables", sum(indexed.values())),
        _figure(size, "loaded again, 1 % changed", again, "its first load", loaded),
        _figure(size, "contribution run", run.seconds, "COPY of its dues", of_dues["due"]),
        _figure(size, "correction, 1 % changed", correction.seconds, "its run", run.seconds),
    ]


def _in_pool(size: int) -> dict[str, int]:
    counties = sorted(load_pack(POOL).counties)
    return {county: size // len(counties) + (n < size % len(counties)) for n, county in enumerate(counties)}


def _figure(size: int, what: str, seconds: float, baseline: str, its_seconds: float) -> Figure:
    return Figure(
        unit="persons",
        size=size,
        ours=Rate.of(what, size, seconds),
        baselines=[Rate.of(baseline, size, its_seconds)],
        beside={"seconds": seconds, "MiB at most so far": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024},
    )


async def _load(running: Running, clerk: dict[str, str], content: bytes, size: int) -> tuple[float, float]:
    params, headers = {"format": "csv", "choice": "good"}, {"Prefer": "respond-async"}
    began = time.perf_counter()
    answer = await running.post("/persons/imports", clerk, content=content, params=params, headers=headers)
    taken_in = time.perf_counter() - began
    assert answer.status_code == 202, answer.text
    with stopwatch() as watch:
        assert await Imports(running.database, Identities(running.resources.settings)).work_off()
    done = (await running.get(f"/imports/{answer.json()['import_id']}", clerk)).json()
    assert done["loaded"] + done["unchanged"] == size, done
    return taken_in, watch.seconds


def _superuser(running: Running) -> psycopg.Connection:
    url = running.database.engine.url.set(drivername="postgresql", username="postgres")
    return psycopg.connect(url.render_as_string(hide_password=False))


def _copied_out(running: Running, folder: Path, tables: dict[str, str]) -> dict[str, tuple[str, Path]]:
    files = {}
    with _superuser(running) as connection, connection.cursor() as cursor:
        for table, columns in tables.items():
            files[table] = (columns, folder / table)
            query = f"COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT BINARY)"
            with files[table][1].open("wb") as file, cursor.copy(query.encode()) as copy:
                for data in copy:
                    file.write(data)
    return files


def _copied_in(running: Running, files: dict[str, tuple[str, Path]]) -> dict[str, float]:
    """Seconds of each table's COPY, with its indexes and constraints, committed."""
    seconds = {}
    with _superuser(running) as connection:
        for table, (columns, path) in files.items():
            named = "" if columns == "*" else f"({columns})"
            query = sql.SQL(f"COPY {table} {named} FROM STDIN (FORMAT BINARY)")
            began = time.perf_counter()
            with connection.cursor() as cursor, cursor.copy(query) as copy, path.open("rb") as file:
                while data := file.read(1 << 20):
                    copy.write(data)
            connection.commit()
            seconds[table] = time.perf_counter() - began
    return seconds


async def _plain(ground: Ground, content: bytes) -> float:
    async with ground.plain(PLAIN) as connection:
        with stopwatch() as watch:
            async with (
                connection.cursor() as cursor,
                cursor.copy("COPY plain FROM STDIN (FORMAT CSV, HEADER, ENCODING 'UTF8')") as copy,
            ):
                await copy.write(content.removeprefix(b"\xef\xbb\xbf"))
    return watch.seconds
