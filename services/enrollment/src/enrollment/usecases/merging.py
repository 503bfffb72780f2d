"""What a merge does, and what its reversal gives back: under the lock of both records, all of it or nothing.

Coverage and whatever else has days goes over to the survivor. Dues and receipts stay where they are, for they
are never changed, and are read together; a month that both records owe is due once: what the merged one owes
of it is credited, and what was paid on it becomes a surplus that may be refunded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AuditEntry, Transaction
from changhu_common.events.enrollment import Merge, PersonDied, PersonMerged, PersonUnmerged, PersonUpdated
from changhu_common.ids import new_id
from changhu_common.periods import Month, day_of
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.merging import MergeUnfit, obstacles, refuse_obstacles
from enrollment.storage import accounts, marks, merges, persons, runs, versions
from enrollment.storage.account_tables import difference
from enrollment.storage.merge_tables import MERGED
from enrollment.storage.tables import hardship, person
from enrollment.usecases.circumstances import HARDSHIP, HOSPITAL_STAY, OTHER_BENEFIT, Circumstance
from enrollment.usecases.telling import tell
from enrollment.usecases.territories import SUPPLIED

SORTS: Mapping[str, Circumstance[Any]] = {each.table.name: each for each in (OTHER_BENEFIT, HOSPITAL_STAY, HARDSHIP)}


@dataclass(frozen=True, slots=True)
class Double:
    """A cell of a period that both records owe: what the merged one owes and paid in it, in fen."""

    run_id: UUID
    period: str
    county: str
    category: str
    payer: str
    due_fen: int
    paid_fen: int


async def doubles(connection: AsyncConnection, *, survivor: UUID, merged: UUID) -> list[Double]:
    """What both records owe for the same periods (重复缴费), as far as it is the merged one's."""
    owed = {each.period for each in await accounts.of_person(connection, survivor) if each.owed_fen > 0}
    return [
        Double(
            account.run_id, account.period, *cell.key, due_fen=cell.owed_fen, paid_fen=cell.paid_fen - cell.refunded_fen
        )
        for account in await accounts.of_person(connection, merged)
        if account.owed_fen > 0 and account.period in owed
        for cell in account.cells
        if cell.owed_fen > 0
    ]


async def merge_records(tx: Transaction, *, survivor: Row[Any], merged: Row[Any], reason: str) -> dict[str, Any]:
    """Merge one record into the other; what was done, for a reversal to undo."""
    found = [await merges.record_of(tx.connection, each) for each in (survivor, merged)]
    refuse_obstacles(obstacles(survivor=found[0], merged=found[1]))
    await runs.wait_for_runs(tx.connection, merged.pool)
    counted = await _lock_runs(tx.connection, survivor.id, merged.id)
    twice = await doubles(tx.connection, survivor=survivor.id, merged=merged.id)
    await versions.give_reason(tx.connection, reason)
    effect: dict[str, Any] = {
        "went": await merges.go_over(tx.connection, merged=merged.id, survivor=survivor.id),
        "died_on": await _take_death(tx.connection, survivor, merged),
        "corrections": await _credit(tx, merged, twice, counted, reason),
        "marks": survivor.marks,
    }
    await merges.settle_conflicts(tx.connection, merged.id, by=tx.actor.subject, on=day_of(tx.now))
    await _tell_whose(tx, PersonMerged, survivor, merged)
    await tell(tx, {survivor.id: PersonDied if effect["died_on"] else PersonUpdated})
    await _tell_circumstances(tx, survivor, effect["went"])
    await _settle_marks(tx, [survivor.id])
    _record(tx, "person.merged", survivor, merged, reason)
    return effect


async def unmerge_records(
    tx: Transaction, *, survivor: Row[Any], merged: Row[Any], effect: Mapping[str, Any], reason: str
) -> dict[str, Any]:
    """Let a merged record stand for itself again, with everything of it that is still the survivor's."""
    if await MERGED.survivors(tx.connection, [merged.id, survivor.id]) != {merged.id: survivor.id}:
        raise MergeUnfit("保留的登记后来又并入了其他登记；请先撤销后来的合并。")
    await runs.wait_for_runs(tx.connection, merged.pool)
    await versions.give_reason(tx.connection, reason)
    await merges.give_back(tx.connection, effect["went"], merged=merged.id, survivor=survivor.id)
    if effect["died_on"] and survivor.died_on == date.fromisoformat(effect["died_on"]):
        await tx.connection.execute(update(person).where(person.c.id == survivor.id).values(died_on=None))
    corrections = [await _reverse(tx, UUID(each), reason) for each in effect["corrections"]]
    await _tell_whose(tx, PersonUnmerged, survivor, merged)
    await tell(tx, {survivor.id: PersonUpdated, merged.id: PersonUpdated})
    await _tell_circumstances(tx, merged, effect["went"])
    await _put_back_marks(tx.connection, survivor, effect)
    await _settle_marks(tx, [survivor.id, merged.id])
    _record(tx, "person.unmerged", survivor, merged, reason)
    return {"corrections": corrections}


async def _take_death(connection: AsyncConnection, survivor: Row[Any], merged: Row[Any]) -> date | None:
    if merged.died_on is None or survivor.died_on is not None:
        return None
    await connection.execute(update(person).where(person.c.id == survivor.id).values(died_on=merged.died_on))
    died_on: date = merged.died_on
    return died_on


async def _tell_whose(tx: Transaction, event: type[Merge], survivor: Row[Any], merged: Row[Any]) -> None:
    row = (await persons.next_revision(tx.connection, [merged.id]))[merged.id]
    told = event(person_id=merged.id, survivor_id=survivor.id, pool=merged.pool, revision=row.revision)
    await MERGED.keep(tx.connection, [told])
    tx.emit(told)


async def _tell_circumstances(tx: Transaction, owner: Row[Any], went: Mapping[str, Sequence[Any]]) -> None:
    """Tell what has days of its own as its owner's, under the next revision."""
    for name, sort in SORTS.items():
        for row in await merges.circumstances(tx.connection, sort.table, went.get(name, ())):
            event = sort.recorded if row.void_reason is None else sort.voided
            tx.emit(event.model_validate({**row._asdict(), sort.id_name: row.id, "pool": owner.pool}))


async def _settle_marks(tx: Transaction, owners: Sequence[UUID]) -> None:
    """What the rows of persons say of their dated records."""
    await merges.say_whether_family_account(tx.connection, owners)
    dated = await tx.connection.execute(select(hardship.c.person_id).where(hardship.c.person_id.in_(owners)).distinct())
    await marks.set_marks_of_day(tx.connection, list(dated.scalars()), today=day_of(tx.now))


async def _put_back_marks(connection: AsyncConnection, survivor: Row[Any], effect: Mapping[str, Any]) -> None:
    """Of marks whose records went over the survivor's row says again what it said before."""
    records = [UUID(each) for each in effect["went"][hardship.name]]
    kinds = set((await connection.execute(select(hardship.c.kind).where(hardship.c.id.in_(records)))).scalars())
    await persons.set_marks(
        connection, {survivor.id: sorted(kinds & set(effect["marks"]) | set(survivor.marks) - kinds)}
    )


async def _lock_runs(connection: AsyncConnection, *records: UUID) -> dict[UUID, Row[Any]]:
    """The runs that counted these records, locked: a correction under way is first seen to its end."""
    ids = {each.run_id for record in records for each in await accounts.of_person(connection, record)}
    found = [await runs.get(connection, each, for_update=True) for each in sorted(ids)]
    return {each.id: each for each in found if each is not None}


async def _credit(
    tx: Transaction, merged: Row[Any], twice: Sequence[Double], counted: Mapping[UUID, Row[Any]], reason: str
) -> list[UUID]:
    """Take back what the merged record owes a second time; a correction for each run."""
    pack = await SUPPLIED.pack(tx.connection, merged.pool) if twice else None
    made = []
    for run_id in sorted({each.run_id for each in twice}):
        assert pack is not None
        insured = pack.value("pool.insured", on=Month.parse(counted[run_id].month).last)
        rests_on: dict[str, Any] = {
            "base_fen": None,
            "clause": insured.clause,
            "status": insured.status,
            "readings": [],
            "pack_version": pack.version,
        }
        rows = [
            {
                "person_id": merged.id,
                "period": each.period,
                "county": each.county,
                "category": each.category,
                "payer": each.payer,
                "fen": -each.due_fen,
                **rests_on,
            }
            for each in twice
            if each.run_id == run_id
        ]
        made.append(await _correct(tx, run_id, rows, reason))
    return made


async def _reverse(tx: Transaction, correction_id: UUID, reason: str) -> UUID:
    """Make due again what a merge's correction credited."""
    query = select(difference).where(difference.c.correction_id == correction_id).order_by(difference.c.id)
    rows = [row._asdict() for row in await tx.connection.execute(query)]
    run_id: UUID = rows[0]["run_id"]
    await runs.get(tx.connection, run_id, for_update=True)
    for each in rows:
        for name in ("id", "correction_id", "run_id"):
            del each[name]
        each["fen"] = -each["fen"]
    return await _correct(tx, run_id, rows, reason)


async def _correct(tx: Transaction, run_id: UUID, rows: Sequence[Mapping[str, Any]], reason: str) -> UUID:
    correction_id = new_id()
    asked = {"run_id": run_id, "reason": reason, "corrected_by": tx.actor.subject, "corrected_at": tx.now}
    await accounts.open_correction(tx.connection, {"id": correction_id, **asked})
    ids = {"correction_id": correction_id, "run_id": run_id}
    await accounts.add_differences(tx.connection, [{"id": new_id(), **ids, **each} for each in rows])
    sums = {
        "persons": 1,
        "raised_fen": sum(each["fen"] for each in rows if each["fen"] > 0),
        "lowered_fen": -sum(each["fen"] for each in rows if each["fen"] < 0),
    }
    await accounts.close_correction(tx.connection, correction_id, sums)
    after = {"correction_id": correction_id, "reason": reason, **sums}
    tx.record(AuditEntry("contribution_run.corrected", "contribution_run", run_id, after=after))
    return correction_id


def _record(tx: Transaction, action: str, survivor: Row[Any], merged: Row[Any], reason: str) -> None:
    after = {"survivor_id": survivor.id, "merged_id": merged.id, "reason": reason}
    tx.record(*(AuditEntry(action, "person", each.id, after=after) for each in (survivor, merged)))
