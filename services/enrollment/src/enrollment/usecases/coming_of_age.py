"""Whoever grows too old for a category is ended in it on that day, without a clerk, and told to all.

When that is, the sealed number says: it is opened once, a block at a time, and the day alone is kept.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from changhu_common.database import Actor, AuditEntry, Database
from changhu_common.events.enrollment import CoverageEnded
from changhu_common.periods import day_of
from changhu_common.resident_numbers import ResidentNumber
from changhu_common.roles import Caller
from changhu_common.stopping import work_until
from changhu_policies import Pack, Value, admitted_pools
from changhu_policies.vocabulary import CATEGORIES
from sqlalchemy import Row

from enrollment.domain.coming_of_age import age_rules, of_age_on
from enrollment.storage import coming_of_age, persons
from enrollment.storage.identities import Identities
from enrollment.usecases.telling import tell
from enrollment.usecases.territories import SUPPLIED

PAGE_COVERAGES_MAX = 500
# Opened or ended in one transaction: a fraction of a second, so that nobody waits for it.
COVERAGES_PER_STEP = 2_000
# How often the loop looks whether it is another day, and whether somebody new is there.
LOOK_SECONDS = 60.0
ONE_DAY = timedelta(days=1)
ACTOR = Actor("coming of age", "schedule")


@dataclass(frozen=True, slots=True)
class AgeRuleView:
    """Up to which age (years) a category is, by which clause, and how firmly."""

    category: str
    years: int
    start: date
    clause: str
    status: str
    reading: str


@dataclass(frozen=True, slots=True)
class TooOldView:
    """A coverage whose person is too old for its category from `of_age_on` on, and insured in no other from then."""

    coverage_id: UUID
    person_id: UUID
    county: str
    category: str
    start: date
    end: date | None
    of_age_on: date


@dataclass(frozen=True, slots=True)
class TooOldPage:
    """Who is to be registered anew (到龄待转登记), with the rules that say so."""

    coverages: Sequence[TooOldView]
    rules: Sequence[AgeRuleView]
    next: UUID | None


class ComingOfAge:
    """Coverage that ends by age."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def run(self, stop: asyncio.Event) -> None:
        """Look now and then until `stop`."""
        await work_until(stop, partial(self.look, stop), name="coming of age", idle_seconds=LOOK_SECONDS)

    async def look(self, stop: asyncio.Event) -> int:
        """Find out who is too old when, and end those who are today, until `stop`; how many were ended.

        What fails in one pool is raised once all the others were looked at.
        """
        ended = 0
        failures: list[Exception] = []
        for pool in admitted_pools():
            try:
                ended += await self._look_at(pool, stop)
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup("coming of age", failures)
        return ended

    async def page(
        self, *, caller: Caller, pool: str, until: date | None, after: UUID | None, limit: int
    ) -> TooOldPage:
        """Who is, or by a day will be, too old and is not insured otherwise."""
        until = until or day_of(self._database.clock.now())
        async with self._database.read() as connection:
            pack = await SUPPLIED.pack(connection, pool)
            rules = dict(_rules(pack))
            rows = await coming_of_age.to_register(
                connection,
                caller.scope,
                pool=pool,
                categories=list(rules),
                until=until,
                after=after,
                limit=limit + 1,
            )
        return TooOldPage(
            coverages=[_view(row) for row in rows[:limit]],
            rules=[_rule_view(category, each) for category, said in rules.items() for each in said],
            next=rows[limit - 1].id if len(rows) > limit else None,
        )

    async def _look_at(self, pool: str, stop: asyncio.Event) -> int:
        async with self._database.read() as connection:
            pack = await SUPPLIED.pack(connection, pool)
        ended = 0
        for category, rules in _rules(pack):
            while not stop.is_set() and await self._find_out(pool, category, rules):
                pass
            while not stop.is_set() and (step := await self._end(pool, category)):
                ended += step
        return ended

    async def _find_out(self, pool: str, category: str, rules: Sequence[Value]) -> bool:
        """Open the next numbers; whether there may be more."""
        async with self._database.change(ACTOR) as tx:
            said = [[each.value, str(each.start), str(each.end)] for each in rules]
            await coming_of_age.keep_rules(tx.connection, pool, category, said)
            found = await coming_of_age.unknown(tx.connection, pool, category, limit=COVERAGES_PER_STEP)
            await coming_of_age.keep(tx.connection, pool, await asyncio.to_thread(self._days, found, rules))
            return len(found) == COVERAGES_PER_STEP

    def _days(self, found: Sequence[Row[Any]], rules: Sequence[Value]) -> dict[UUID, tuple[UUID, date]]:
        days = {}
        for row in found:
            number = ResidentNumber(self._identities.open(row.person_id, "resident_number", row.resident_number))
            days[row.id] = (row.person_id, of_age_on(born=number.birth_date, rules=rules))
        return days

    async def _end(self, pool: str, category: str) -> int:
        async with self._database.change(ACTOR) as tx:
            rows = await coming_of_age.to_end(
                tx.connection, pool, category, today=day_of(tx.now), limit=COVERAGES_PER_STEP
            )
            if rows:
                await persons.end_coverages(tx.connection, {row.id: row.of_age_on - ONE_DAY for row in rows})
                tx.record(*map(_audited, rows))
                await tell(tx, {row.person_id: CoverageEnded for row in rows})
            return len(rows)


def _rules(pack: Pack) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """The categories that are for the young, each with its rules."""
    for category in CATEGORIES:
        if rules := age_rules(pack=pack, category=category):
            yield category, rules


def _audited(row: Row[Any]) -> AuditEntry:
    before, after = {"end": row.end}, {"end": row.of_age_on - ONE_DAY, "of_age_on": row.of_age_on}
    return AuditEntry("coverage.ended", "coverage", row.id, before=before, after=after)


def _view(row: Row[Any]) -> TooOldView:
    return TooOldView(
        coverage_id=row.id,
        person_id=row.person_id,
        county=row.county,
        category=row.category,
        start=row.start,
        end=row.end,
        of_age_on=row.of_age_on,
    )


def _rule_view(category: str, rule: Value) -> AgeRuleView:
    return AgeRuleView(category, rule.value, rule.start, rule.clause, rule.status, rule.remark)
