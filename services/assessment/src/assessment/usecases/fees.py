"""Fees follow the conclusions and the pack: whenever either changes they are decided again, and what changed is told.

A fee that waits for a value becomes due by itself when the value is supplied. What was told is never
edited: the same fee is told again under a higher revision.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from changhu_common.database import Actor, AuditEntry, Database, Transaction
from changhu_common.events.assessment import AssessmentFeeDue, AssessmentFeeVoided
from changhu_common.ids import named_id
from changhu_common.periods import day_of
from changhu_common.relay import IDLE_SECONDS
from changhu_common.roles import Caller
from changhu_common.stopping import work_until
from changhu_policies import Pack, admitted_pools
from changhu_policies.projection import SuppliedValues

from assessment.domain.fees import Assessed, FeeStatus, Outcome, fee_of
from assessment.storage import facts, fees
from assessment.usecases.views import AnyRow, FeeView

# So many persons' fees are decided in one transaction; the others wait in the queue.
PERSONS_MAX = 500

# The values that decide a fee, and the one without which none holds; others change none.
DECIDING = frozenset(
    {"assessment.fee_fen", "assessment.fee_fund_share", "assessment.periodic_days", "pool.in_force"}
)  # fmt: skip

ITSELF = Actor("loop:fees", "system")

# What a fee comes to, and what of it others are told.
_DECIDED = ("status", "cause", "fee_fen", "fund_fen", "person_fen")
_TOLD = ("organization_id", "county", "assessed_on", "cause", "fee_fen", "fund_fen", "person_fen", "findings")


async def follow(tx: Transaction, supplied: SuppliedValues, *, persons: Collection[UUID]) -> None:
    """Decide the fees of these persons again, whose conclusions changed; the caller has locked them."""
    if persons:
        await _decide(tx, supplied, await fees.concluded(tx.connection, persons))


async def follow_applications(tx: Transaction, supplied: SuppliedValues, applications: Collection[UUID]) -> None:
    """Decide the fees again of whom these applications are; the caller has locked them."""
    await follow(tx, supplied, persons=await fees.persons_concluded(tx.connection, applications))


async def follow_pool(tx: Transaction, supplied: SuppliedValues, pool: str) -> None:
    """Decide every fee of a pool again, whose pack changed; too many of them go into the queue.

    The caller holds the pool alone.
    """
    persons = await fees.persons_of_pool(tx.connection, pool, persons_max=PERSONS_MAX + 1)
    if len(persons) <= PERSONS_MAX:
        await follow(tx, supplied, persons=persons)
    else:
        await fees.ask_recount(tx.connection, pool)


@dataclass(frozen=True, slots=True)
class _Standing:
    """An application among those of its person, in their order.

    `concluded` rounds have a fee; those after `standing` are revoked. `outcome` is None where all of them are.
    """

    concluded: int
    standing: int
    outcome: Outcome | None
    earlier: Sequence[Outcome]


async def _decide(tx: Transaction, supplied: SuppliedValues, conclusions: Sequence[AnyRow]) -> None:
    pools = {row.pool for row in conclusions}
    await fees.hold(tx.connection, pools, shared=True)
    packs = {pool: await supplied.pack(tx.connection, pool) for pool in sorted(pools)}
    standings = _standings(conclusions)
    known = {row.id: row for row in await fees.of_applications(tx.connection, standings)}
    written = []
    for round_ in await fees.rounds(tx.connection, standings):
        standing = standings[round_.application_id]
        if round_.round > standing.concluded:
            continue
        decided = _decided(packs[round_.pool], round_, standing)
        before = known.get(decided["id"])
        if before is None or any(getattr(before, name) != said for name, said in decided.items()):
            written.append(decided | {"revision": _tell(tx, round_.person_id, before, decided)})
    await fees.write(tx.connection, written)


def _standings(conclusions: Sequence[AnyRow]) -> Mapping[UUID, _Standing]:
    """By application, from the conclusions of some persons in the order in which each person's were made."""
    of_application: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in conclusions:
        of_application[row.application_id].append(row)
    earlier: dict[UUID, list[Outcome]] = defaultdict(list)
    found = {}
    for application_id, rows in of_application.items():
        before = earlier[rows[0].person_id]
        last = max((row for row in rows if row.revoked_on is None), key=lambda row: row.round, default=None)
        outcome = (
            Outcome(applied_on=last.applied_on, passed=last.level is not None, valid_until=last.valid_until)
            if last
            else None
        )
        found[application_id] = _Standing(
            concluded=max(row.round for row in rows),
            standing=last.round if last else 0,
            outcome=outcome,
            earlier=tuple(before),
        )
        if outcome:
            before.append(outcome)
    return found


def _decided(pack: Pack, round_: AnyRow, standing: _Standing) -> dict[str, Any]:
    """A round's fee as it is stored, all but its revision."""
    assessed = Assessed(
        round=round_.round,
        organization_id=round_.organization_id,
        county=round_.county,
        assessed_on=day_of(round_.visited_at),
    )
    stands = round_.round <= standing.standing
    made = fee_of(pack=pack, assessed=assessed, outcome=standing.outcome if stands else None, earlier=standing.earlier)
    return {
        "id": named_id("assessment.fee", round_.application_id, round_.round),
        "application_id": round_.application_id,
        "round": round_.round,
        "pool": round_.pool,
        "county": round_.county,
        "organization_id": round_.organization_id,
        "assessed_on": assessed.assessed_on,
        "status": str(made.status),
        "cause": made.cause,
        "fee_fen": made.fee_fen,
        "fund_fen": made.fund_fen,
        "person_fen": made.person_fen,
        "findings": [each.model_dump() for each in made.findings],
        "problems": [dict(each) for each in made.problems],
        "pack_version": pack.version,
    }


def _tell(tx: Transaction, record: UUID, before: AnyRow | None, decided: Mapping[str, Any]) -> int:
    """Tell what is owed now, or no longer, where that is something else than was told; the revision that it has now.

    `record` is whom the application was entered for, and whom everything about it is told of.
    """
    told = before if before is not None and before.status == FeeStatus.DUE else None
    revision: int = before.revision if before is not None else 0
    due = decided["status"] == FeeStatus.DUE
    if before is None or any(getattr(before, name) != decided[name] for name in _DECIDED):
        was = before and {name: getattr(before, name) for name in _DECIDED}
        tx.record(AuditEntry("decide_fee", "fee", decided["id"], before=was, after={n: decided[n] for n in _DECIDED}))
    if due and (told is None or any(getattr(told, name) != decided[name] for name in _TOLD)):
        said = decided
    elif told is not None and not due:
        said = told._asdict()
    else:
        return revision
    fact = AssessmentFeeDue if due else AssessmentFeeVoided
    about = {name: said[name] for name in (*_TOLD, "application_id", "round", "pool", "pack_version")}
    tx.emit(fact(fee_id=decided["id"], person_id=record, revision=revision + 1, **about))
    return revision + 1


@dataclass(frozen=True, slots=True)
class FeePage:
    """Some fees; `next` is where the following page begins, if there is one."""

    fees: Sequence[FeeView]
    next: UUID | None


class Fees:
    """What fees a pool's assessments have; works off the queue of persons whose fees are to be decided again."""

    def __init__(self, database: Database, supplied: SuppliedValues) -> None:
        self._database = database
        self._supplied = supplied

    async def page(
        self, *, caller: Caller, pool: str, status: FeeStatus | None, after: UUID | None, limit: int
    ) -> FeePage:
        async with self._database.read() as connection:
            rows = await fees.page(
                connection, pool=pool, status=status, after=after, limit=limit + 1, scope=caller.scope
            )
        shown = [FeeView.of(row) for row in rows[:limit]]
        return FeePage(shown, shown[-1].fee_id if len(rows) > limit else None)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; the chunk in hand is finished."""
        await work_until(stop, self.work_off, name="fees", idle_seconds=IDLE_SECONDS, first=self.catch_up)

    async def work_off(self) -> int:
        """Decide the fees of the next chunk of the queue again; returns how many persons it was."""
        async with self._database.change(ITSELF) as tx:
            persons = await fees.take_recounts(tx.connection, rows_max=PERSONS_MAX)
            await facts.lock_persons(tx.connection, persons)
            await follow(tx, self._supplied, persons=persons)
        return len(persons)

    async def catch_up(self) -> None:
        """Queue the persons of pools whose pack is another one than that by which their fees were decided."""
        async with self._database.change(ITSELF) as tx:
            rows = await fees.versions(tx.connection)
            pools = {row.pool for row in rows} & set(admitted_pools())
            packs = {pool: await self._supplied.pack(tx.connection, pool) for pool in sorted(pools)}
            stale = {row.pool for row in rows if row.pool in packs and row.pack_version != packs[row.pool].version}
            for pool in sorted(stale):
                await fees.ask_recount(tx.connection, pool)

    async def waiting(self) -> int:
        async with self._database.read() as connection:
            return await fees.recounts_waiting(connection)
