"""An authorised read and an audited change over ASGI, one after another, beside the same app's empty route."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
from changhu_common.roles import Role
from changhu_standalone.story.city import Resident
from enrollment.app import SERVICE

from tests.performance.figures import Figure, Rate
from tests.performance.ground import POOL, Ground, statements_of
from tests.performance.paths.imports import city
from tests.support.running import Running

# How many persons are known already.
SIZES = (1_000, 5_000)
QUICK = 50

REQUESTS_MAX = 200

Ask = Callable[[int], Awaitable[httpx.Response]]


async def measure(ground: Ground, size: int) -> list[Figure]:
    count = min(REQUESTS_MAX, size)
    people = city(size + count)
    known, strangers = replace(people, residents=people.residents[:size]), people.residents[size:]
    async with ground.running(SERVICE) as enrollment:
        clerk = enrollment.token(Role.ENROLLMENT_CLERK)
        file = known.enrolment_file()
        loaded = await enrollment.post("/persons/imports", clerk, content=file, params={"format": "csv"})
        assert loaded.status_code == 201, loaded.text
        persons = await _ids(enrollment, clerk, count)
        ground.checkpoint()

        empty, empty_beside = await _asked(enrollment, count, lambda _: enrollment.get("/health/live", {}))
        read, read_beside = await _asked(enrollment, count, lambda n: enrollment.get(f"/persons/{persons[n]}", clerk))
        changed, changed_beside = await _asked(
            enrollment, count, lambda n: enrollment.post("/persons", clerk, _registration(strangers[n]))
        )
    baseline = Rate(what="GET /health/live", per_second=empty)
    figures = (
        ("GET, authorised", read, read_beside),
        ("POST, audited", changed, changed_beside),
    )
    return [
        Figure(
            unit="requests",
            size=size,
            ours=Rate(what=what, per_second=rate),
            baselines=[baseline],
            beside={**beside, "empty ms p50": empty_beside["ms p50"]},
        )
        for what, rate, beside in figures
    ]


async def _asked(enrollment: Running, count: int, ask: Ask) -> tuple[float, dict[str, float]]:
    """Requests a second of one caller, and how long one of them takes."""
    await ask(0)  # prepared statements and caches are there in a service that runs
    milliseconds = []
    with statements_of(enrollment) as asked:
        for number in range(1, count):
            began = time.perf_counter()
            answer = await ask(number)
            milliseconds.append(1_000 * (time.perf_counter() - began))
            assert answer.is_success, answer.text
    beside = {
        "ms p50": statistics.median(milliseconds),
        "ms p95": statistics.quantiles(milliseconds, n=20)[-1],
        "SQL statements": asked.count / len(milliseconds),
    }
    return 1_000 * len(milliseconds) / sum(milliseconds), beside


async def _ids(enrollment: Running, clerk: dict[str, str], count: int) -> list[str]:
    answer = await enrollment.get("/persons", clerk, pool=POOL, limit=count)
    assert answer.status_code == 200, answer.text
    return [each["person_id"] for each in answer.json()["persons"]]


def _registration(of: Resident) -> dict[str, Any]:
    return {
        "name": of.name,
        "resident_number": of.resident_number,
        "county": of.county,
        "marks": of.marks,
        "coverage": {"category": of.category, "start": of.start.isoformat(), "base_fen": of.base_fen},
    }
