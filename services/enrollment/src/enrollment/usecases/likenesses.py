"""Everybody is looked at once for what is alike in two records of one person, beside whatever else goes on.

Names and numbers are opened a chunk at a time and only their keyed digests are kept; a first load is not
held up by it. Whoever is registered or corrected is looked at right after.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from changhu_common.database import Actor, Database
from changhu_common.ids import new_id
from changhu_common.relay import IDLE_SECONDS
from changhu_common.stopping import pause, work_until
from sqlalchemy import Row

from enrollment.storage import candidates
from enrollment.storage.identities import Identities

PERSONS_PER_STEP = 2_000  # opened and compared in a fraction of a second
# So many times as long as it worked: a city that was just loaded is charged before it is looked through.
RESTS = 3
ACTOR = Actor("likenesses", "itself")


class Likenesses:
    """Finds pairs of records for the clerk's list."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`; the step in hand is finished."""

        async def look_and_rest() -> bool:
            began = asyncio.get_running_loop().time()
            found = await self.look()
            if found:
                await pause(stop, RESTS * (asyncio.get_running_loop().time() - began))
            return bool(found)

        await work_until(
            stop, look_and_rest, name="search for double records", idle_seconds=IDLE_SECONDS, first=self.catch_up
        )

    async def catch_up(self) -> None:
        """Wish for those who were looked at under another key: digests of two keys never agree."""
        async with self._database.change(ACTOR) as tx:
            for pool in await candidates.pools_under_other_keys(tx.connection, self._identities.likeness_key):
                await candidates.ask_to_look(tx.connection, pool)

    async def look(self) -> bool:
        """Look at the next persons that are wished for; whether there was a wish."""
        async with self._database.change(ACTOR) as tx:
            wish = await candidates.take_wish(tx.connection)
            if wish is None:
                return False
            key = self._identities.likeness_key
            found = await candidates.next_persons(tx.connection, wish, key=key, limit=PERSONS_PER_STEP)
            new = [row for row in found if not row.seen]
            rows = await asyncio.to_thread(self._digests, new, wish.pool, key)
            await candidates.keep_likenesses(tx.connection, rows)
            pairs = await candidates.pairs(tx.connection, [row.id for row in new])
            state = {"status": "open", "reason": None, "decided_by": None, "decided_at": None}
            await candidates.add(tx.connection, [{"id": new_id(), **row._asdict(), **state} for row in pairs])
            if len(found) == PERSONS_PER_STEP:
                await candidates.ask_to_look(tx.connection, wish.pool, first=found[-1].id, last=wish.last)
            return True

    def _digests(self, found: Sequence[Row[Any]], pool: str, key: str) -> list[dict[str, Any]]:
        return [{"person_id": row.id, "pool": pool, "key": key, **self._identities.likeness(row)} for row in found]
