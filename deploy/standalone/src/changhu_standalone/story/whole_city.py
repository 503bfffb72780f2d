"""A whole city is enrolled, charged for a year, pays, and stands in the books: county by county, to the fen.

Told again in the same folder, every request finds what it did before; killed in the middle, the import
begins again by itself.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psutil
from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_policies import Pack, PolicyMissing, load_pack

from changhu_standalone.story.office import Desk, Office, StoryFailed
from changhu_standalone.story.population import WholeCity

# What the document leaves open in some counties, the story fills in itself, and says so wherever it shows.
OWN_SOURCE = "演示自拟，非文件所载"
BASE = "contribution.base"
FLAT_FEN = 10_000

LOOK_SECONDS = 0.5
IMPORT_SECONDS_MAX = 3_600.0
SAMPLE_SECONDS = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Memory:
    """The most that this process and the database's processes had to themselves, in bytes."""

    process: int = 0
    database: int = 0

    async def watch(self, postmaster: int) -> None:
        while True:
            self.process = max(self.process, psutil.Process(os.getpid()).memory_info().rss)
            servers = psutil.Process(postmaster).children()
            own = 0
            for server in servers:
                with suppress(psutil.NoSuchProcess):
                    own += server.memory_full_info().uss
            self.database = max(self.database, own)
            await asyncio.sleep(SAMPLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Step:
    """What took how long, in seconds, for so many rows."""

    title: str
    rows: int
    seconds: float


@dataclass(slots=True)
class CityTold:
    """What was done, and what it comes to by county."""

    steps: list[Step] = field(default_factory=list)
    stopped_by: str = ""
    supplied: list[str] = field(default_factory=list)
    due: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    booked: Counter[str] = field(default_factory=Counter)
    persons: int = 0
    imported: int = 0
    unchanged: int = 0
    changed: int = 0
    books: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everybody is in, everything due came in, and the books say the same by county, and balance."""
        return (
            self.books["balanced"]
            and self.imported == self.persons == self.unchanged + self.changed
            and self.due == self.received == self.booked
        )


class CityStory:
    """The steps in order; each is told under keys that its content gives."""

    def __init__(self, *, city: WholeCity, office: Office, month: Month, today: date, progress: Progress) -> None:
        self._city = city
        self._office = office
        self._month = month
        self._today = today
        self._progress = progress
        self.told = CityTold(persons=city.persons)

    def _desk(self, role: Role) -> Desk:
        return Desk(f"{role}-1", (role,), self._city.pool)

    async def tell(self) -> CityTold:
        told = self.told
        content = await asyncio.to_thread(self._city.file)
        loaded = await self._timed("导入", lambda: self._import(content))
        told.imported = loaded["loaded"]
        await self._supply_what_is_missing()
        run = await self._timed("核定应缴", self._run)
        for total in run["totals"]:
            told.due[total["county"]] += total["due_fen"]
        await self._office.post(
            "enrollment",
            f"/contribution-runs/{run['run_id']}/receipts",
            {"received_on": self._today, "reference": f"{self._month} 征缴入库"},
            self._desk(Role.CASHIER),
        )
        paid = await self._office.get("enrollment", f"/contribution-runs/{run['run_id']}", self._desk(Role.AUDITOR))
        for total in paid["totals"]:
            told.received[total["county"]] += total["received_fen"]
        await self._timed(
            "事件送达并入账", lambda: self._office.quiet(seconds_max=IMPORT_SECONDS_MAX, look_seconds=LOOK_SECONDS)
        )
        told.books = await self._office.get(
            "fund-ledger", f"/pools/{self._city.pool}/trial-balance", self._desk(Role.AUDITOR)
        )
        by_county = await self._office.get(
            "fund-ledger", f"/pools/{self._city.pool}/trial-balance", self._desk(Role.AUDITOR), by_county=True
        )
        for account in by_county["accounts"]:
            if account["account"].startswith("4"):
                told.booked[account["county"]] -= account["balance_fen"]
        content = await asyncio.to_thread(self._city.file, changed=True)
        again = await self._timed("再导入: 百分之一有变动", lambda: self._import(content))
        told.unchanged, told.changed = again["unchanged"], again["loaded"]
        return told

    async def _timed(self, title: str, step: Callable[[], Awaitable[Any]]) -> Any:
        self._progress(title, 0, self._city.persons)
        began = time.perf_counter()
        found = await step()
        self.told.steps.append(Step(title, self._city.persons, time.perf_counter() - began))
        self._progress(title, self._city.persons, self._city.persons)
        return found

    async def _import(self, content: bytes) -> dict[str, Any]:
        clerk = self._desk(Role.ENROLLMENT_CLERK)
        told = await self._office.upload("enrollment", "/persons/imports?format=zip&choice=all", content, clerk)
        while told["status"] == "waiting":
            await asyncio.sleep(LOOK_SECONDS)
            told = await self._office.get("enrollment", f"/imports/{told['import_id']}", clerk)
            self._progress(f"已读 {told['rows']} 已校验 {told['checked']} 已写入", told["written"], self._city.persons)
        if told["status"] != "done" or told["rejected"]:
            raise StoryFailed(f"参保名单未能导入: {told['refusal'] or told['errors'][:3]}")
        return dict(told)

    async def _supply_what_is_missing(self) -> None:
        """Show that a missing amount stops the run, then enter the story's own, by one and approved by another."""
        pool, on = self._city.pool, self._month.last
        pack = load_pack(pool)
        missing = [county for county in self._city.counts if _is_missing(pack, county, on)]
        if missing:
            try:
                await self._run()
            except StoryFailed as stopped:
                if PolicyMissing.code not in str(stopped):
                    raise
                self.told.stopped_by = str(stopped)
        for county in missing:
            value = {
                "pool": pool,
                "parameter": BASE,
                "qualifiers": {"county": county},
                "value": {"flat_fen": FLAT_FEN},
                "source": OWN_SOURCE,
                "from": pack.value("pool.in_force", on=on).value,
            }
            entered = await self._office.post("enrollment", "/policy-values", value, self._desk(Role.POLICY_ENTRY))
            at = f"/policy-values/{entered['value_id']}/approval"
            await self._office.post("enrollment", at, {}, self._desk(Role.POLICY_APPROVAL))
            self.told.supplied.append(county)

    async def _run(self) -> dict[str, Any]:
        body = {"pool": self._city.pool, "period": str(self._month)}
        return dict(
            await self._office.post("enrollment", "/contribution-runs", body, self._desk(Role.ENROLLMENT_CLERK))
        )


def _is_missing(pack: Pack, county: str, on: date) -> bool:
    try:
        pack.value(BASE, on=on, county=county, category="employee")
    except PolicyMissing:
        return True
    return False
