"""Results follow the facts: whenever a fact arrives, every period that it touches is counted again.

Persons are locked before their facts are read, so of two batches about one person the later one
sees what the earlier one brought. What is too much for one transaction waits in a queue and is
worked off in chunks.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Actor, Database
from changhu_common.relay import IDLE_SECONDS
from changhu_common.stopping import work_until
from changhu_policies import Pack, admitted_pools
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.counting import Counted, PeriodKey, count
from settlement.domain.fees import fee_line
from settlement.domain.pricing import Visit
from settlement.storage import accounts, facts, lines
from settlement.storage.facts import Insured, Window
from settlement.storage.tables import SUPPLIED, limit_period

# So many persons are counted again in one transaction; the others wait in the queue.
RECOUNT_PERSONS_MAX = 500

NOBODY = UUID(int=0)
ACTOR = Actor(subject="recount", origin="settlement")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild from the facts went through and what it found different."""

    persons: int
    lines_changed: int


async def recount(connection: AsyncConnection, windows: Collection[Window]) -> int:
    """Count these days of these persons again, all in a few statements; returns how many lines changed.

    The persons must be locked.
    """
    asked, used = await _from_where_it_stands(connection, _apart(windows))
    counted, fees = await _counted(connection, asked, used)
    if late := {each.key for each in counted if each.period["problem"]} & used.keys():
        # A period is undecided as a whole: what stood before the late visit waits with it.
        asked = [replace(window, since=None) if window.key in late else window for window in asked]
        used = {key: fen for key, fen in used.items() if key not in late}
        counted, fees = await _counted(connection, asked, used)
    standing = await lines.standing(connection, asked)
    made = {line["id"]: line for each in counted for line in each.lines} | {line["id"]: line for line in fees}
    changed = [made[key] for key in sorted(made) if standing.get(key) != made[key]["fingerprint"]]
    gone = sorted(standing.keys() - made.keys())
    await lines.write(connection, windows=asked, lines=changed, gone=gone, periods=[each.period for each in counted])
    return len(changed) + len(gone)


def _apart(windows: Collection[Window]) -> list[Window]:
    """Each person's days once: in every pool where that is asked, from the earliest moment that is."""
    whole = {window.person_id: window for window in windows if window.pool is None}
    earliest: dict[tuple[UUID, str | None, date], Window] = {}
    for window in windows:
        if window.person_id in whole or window.pool is None:
            continue
        known = earliest.setdefault(window.key, window)
        if known.since and (window.since is None or window.since < known.since):
            earliest[window.key] = window
    return [*whole.values(), *earliest.values()]


async def _from_where_it_stands(
    connection: AsyncConnection, windows: Sequence[Window]
) -> tuple[list[Window], dict[PeriodKey, int]]:
    """The windows, and what the lines before `since` used of the limit; where these do not stand, without `since`."""
    late = [window for window in windows if window.since]
    packs = await packs_of(connection, {window.pool for window in late if window.pool})
    used = await lines.used_before(connection, late, {pool: pack.version for pool, pack in packs.items()})
    return [window if window.key in used else replace(window, since=None) for window in windows], used


async def _counted(
    connection: AsyncConnection, windows: Sequence[Window], used: Mapping[PeriodKey, int]
) -> tuple[list[Counted], list[dict[str, Any]]]:
    """Every period of these windows that has visits, from where the window begins, and the lines of their fees."""
    visits = await facts.visits(connection, windows)
    fees = await facts.fees(connection, windows)
    insured = await facts.insured(connection, {visit.person_id for visit in visits} | {fee.person_id for fee in fees})
    offers = await facts.offers(connection, {visit.organization_id for visit in visits})
    packs = await packs_of(connection, {visit.pool for visit in visits})
    by_person: dict[tuple[UUID, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        by_person[visit.person_id, visit.pool].append(visit)
    counted = []
    for (person_id, pool), of_person in by_person.items():
        known = insured.get((person_id, pool), Insured())
        counted += count(
            pack=packs[pool],
            person_id=person_id,
            county=known.county,
            facts=known.facts,
            visits=of_person,
            offers=offers,
            used_earlier_fen=used,
        )
    of_fees = []
    for fee in fees:
        known = insured.get((fee.person_id, fee.pool), Insured())
        of_fees.append(fee_line(fee, county=known.county, facts=known.facts))
    return counted, of_fees


async def packs_of(connection: AsyncConnection, pools: Collection[str]) -> dict[str, Pack]:
    """The packs of these pools with what was supplied for them."""
    return {pool: await SUPPLIED.pack(connection, pool) for pool in sorted(pools)}


class Recounting:
    """Works off the queue of persons, and counts everything again where that is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; the chunk in hand is finished."""
        await work_until(stop, self.work_off, name="recount", idle_seconds=IDLE_SECONDS, first=self.catch_up)

    async def work_off(self) -> int:
        """Count the next chunk of the queue again; returns how many persons it was."""
        async with self._database.change(ACTOR) as transaction:
            connection = transaction.connection
            persons = await accounts.take_recounts(connection, rows_max=RECOUNT_PERSONS_MAX)
            await accounts.hold(connection, persons)
            await recount(connection, [Window(each) for each in persons])
        return len(persons)

    async def catch_up(self) -> None:
        """Queue the persons of pools whose pack is another one than that by which they were counted."""
        async with self._database.change(ACTOR) as transaction:
            connection = transaction.connection
            rows = (await connection.execute(select(limit_period.c.pool, limit_period.c.pack_version).distinct())).all()
            packs = await packs_of(connection, {row.pool for row in rows} & set(admitted_pools()))
            stale = sorted(
                {row.pool for row in rows if row.pool in packs and packs[row.pool].version != row.pack_version}
            )
            if stale:
                await accounts.ask_recount_of_served(connection, organisations=[], pools=stale)

    async def rebuild(self) -> Rebuilt:
        """Count everybody again from the facts, a chunk a transaction; nothing should be found different."""
        persons, changed, after = 0, 0, NOBODY
        while True:
            async with self._database.change(ACTOR) as transaction:
                connection = transaction.connection
                chunk = await accounts.persons_after(connection, after, persons_max=RECOUNT_PERSONS_MAX)
                if not chunk:
                    return Rebuilt(persons=persons, lines_changed=changed)
                await accounts.hold(connection, chunk)
                changed += await recount(connection, [Window(each) for each in chunk])
            persons += len(chunk)
            after = chunk[-1]

    async def waiting(self) -> int:
        async with self._database.read() as connection:
            return await accounts.recounts_waiting(connection)
