"""What a proposed pack would ask of the people who are stored now, beside the pack in force; nothing is written.

Months to come are counted with what is known today. A value that either pack is missing for anybody
stops the simulation before anything is counted.
"""

from dataclasses import dataclass
from datetime import date

from changhu_common.database import Database
from changhu_common.errors import InvalidInput
from changhu_policies import NOTHING, Pack, Supplied, build_pack, load_pack
from changhu_policies.folders import Content

from enrollment.domain.population import population
from enrollment.domain.simulation import Charged, charge, horizon_of, terms_of
from enrollment.storage import population as stored
from enrollment.usecases.territories import SUPPLIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Both packs over the same people (政策模拟)."""

    year: int
    pack: Pack
    draft: Pack
    now: Charged
    then: Charged


class Simulations:
    """Contributions of a year under a proposed pack."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def simulate(self, *, pool: str, year: int, draft: Content, supplied: Supplied = NOTHING) -> Simulation:
        """Compare a draft with the pool's pack in force; `supplied` is what the draft alone is given beside.

        Raises PolicyMissing, PolicyNotInForce where a pack has not begun by the end of the year.
        """
        async with self._database.read() as connection:
            pack = load_pack(pool, await SUPPLIED.load(connection, pool))
            proposed = completed(draft, await SUPPLIED.load(connection, draft.pool), supplied)
            for each in (pack, proposed):
                each.refuse_before_start(date(year, 12, 31))
            horizon = horizon_of(year)
            people = population(await stored.read(connection, pool, horizon), horizon)
        now, then = (terms_of(each, people, year) for each in (pack, proposed))
        return Simulation(year=year, pack=pack, draft=proposed, now=charge(people, now), then=charge(people, then))


def completed(draft: Content, approved: Supplied, own: Supplied) -> Pack:
    """A draft with what was supplied for its pool where it leaves that open, and with its own values over it."""
    kept = NOTHING
    for value in approved.of_pool(draft.pool).values:
        more = kept.and_also(Supplied((value,)))
        try:
            build_pack(draft, more)
        except InvalidInput:  # the draft says this itself now
            continue
        kept = more
    return build_pack(draft, kept.and_also(own.of_pool(draft.pool)))
