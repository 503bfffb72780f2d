"""What a projection asks of enrollment: how many people there are of which age, and what the pack will ask of them.

Only counts and sums leave; a resident number is opened for its age and sex, and forgotten. It runs
beside the service and answers nobody over HTTP.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.resident_numbers import Sex
from changhu_policies import Pack, Supplied, load_pack

from enrollment.domain.outlook import Growth, assumed_statistics, grown
from enrollment.domain.population import Horizon, Population, population
from enrollment.domain.simulation import YEARS_AFTER, YEARS_BEFORE, Charged, charge, horizon_of, terms_of
from enrollment.storage import ages
from enrollment.storage import population as stored
from enrollment.storage.identities import Identities
from enrollment.storage.merge_tables import MERGED
from enrollment.usecases.territories import SUPPLIED

Alike = tuple[str, str, str, int]  # county, category, sex, age in whole years


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """People of one day: all who are insured, and those of each group (by the group's name)."""

    people: Mapping[Alike, int]
    groups: Mapping[str, Mapping[Alike, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the pack asks in each year, in fen by category and county, once for each growth.

    `without_base` is how many could not be counted in the first year.
    """

    pack: Pack
    dues: Sequence[Mapping[int, Mapping[tuple[str, str], int]]]
    without_base: int


class Outlooks:
    """Counts and sums of a whole pool."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def count(self, *, pool: str, on: date, groups: Mapping[str, Collection[UUID]]) -> Counted:
        """How many people are insured on a day, and how many of them are in each of the groups."""
        people: Counter[Alike] = Counter()
        within: dict[str, Counter[Alike]] = {name: Counter() for name in groups}
        async with self._database.read() as connection:
            # Others may still know somebody by a record that was merged.
            survivors = await MERGED.survivors(connection, [each for persons in groups.values() for each in persons])
            of = {survivors.get(person, person): name for name, persons in groups.items() for person in persons}
            async for block in ages.insured(connection, pool=pool, on=on):
                for person, alike in await asyncio.to_thread(self._opened, block, on):
                    people[alike] += 1
                    if person in of:
                        within[of[person]][alike] += 1
        return Counted(people=people, groups=within)

    def _opened(self, block: Sequence[Any], on: date) -> list[tuple[UUID, Alike]]:
        found = []
        for row in block:
            # It was checked when it came in: eight digits of the birth date, the last of the sequence odd for men.
            number = self._identities.open(row.id, "resident_number", row.resident_number)
            birthday = (int(number[10:12]), int(number[12:14]))
            age = on.year - int(number[6:10]) - ((on.month, on.day) < birthday)
            sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
            found.append((row.id, (row.county, row.category, str(sex), max(age, 0))))
        return found

    async def contributions(
        self,
        *,
        pool: str,
        first_year: int,
        years: int,
        growths: Sequence[Growth],
        charged: Callable[[int], Awaitable[None]] | None = None,
    ) -> Outlook:
        """What the pool's pack asks of the people who are stored now, in each of the years, under each growth.

        `charged` hears after each year how many are done. A year's own base is today's, grown each year
        after the first; a statistic that nobody knows yet is the last known one, grown. Raises
        PolicyMissing for whatever else the pack is missing.
        """
        last = first_year + years - 1
        async with self._database.read() as connection:
            supplied = await SUPPLIED.load(connection, pool)
            pack = load_pack(pool, supplied)
            pack.refuse_before_start(date(first_year, 12, 31))
            rows = await stored.read(connection, pool, Horizon.years(first_year - YEARS_BEFORE, last + YEARS_AFTER))
        packs = []
        for each in growths:
            records = assumed_statistics(pack, growth=each.statistics, today=first_year, until=last)
            packs.append(load_pack(pool, supplied.and_also(Supplied.from_records(records))))
        dues: list[dict[int, Mapping[tuple[str, str], int]]] = [{} for _ in growths]
        without_base = 0
        for year in range(first_year, last + 1):
            people = await asyncio.to_thread(population, rows, horizon_of(year))
            for held, growth, its in zip(dues, growths, packs, strict=True):
                factor = (1 + growth.bases) ** (year - first_year)
                found = await asyncio.to_thread(_charged, its, people, year, factor)
                held[year] = found.due_at
                without_base = found.without_base if year == first_year else without_base
            if charged:
                await charged(year - first_year + 1)
        return Outlook(pack=pack, dues=dues, without_base=without_base)


def _charged(pack: Pack, people: Population, year: int, factor: Fraction) -> Charged:
    return charge(grown(people, factor), terms_of(pack, people, year))
