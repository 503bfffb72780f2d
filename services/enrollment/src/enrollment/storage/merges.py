"""Merges in the database: what both records say, what goes over from one to the other, and back."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from changhu_common.periods import DateRange
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Column, ColumnElement, Row, Table, Uuid, and_, any_, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.merging import Record, Span
from enrollment.storage.family_tables import family_account, guardian
from enrollment.storage.merge_tables import MERGED, merge
from enrollment.storage.persons import insurance
from enrollment.storage.report_tables import conflict
from enrollment.storage.tables import coverage, hardship, hospital_stay, other_benefit, person, suspension


class Place(NamedTuple):
    """A column that names a person, in a table whose rows go over to the survivor."""

    noun: str
    table: Table
    column: str = "person_id"

    @property
    def whose(self) -> Column[Any]:
        return self.table.c[self.column]


CIRCUMSTANCES = (other_benefit, hospital_stay, hardship)
PLACES = (
    *(Place(each.name, each) for each in (coverage, suspension, *CIRCUMSTANCES, family_account)),
    Place("family_account_held", family_account, "holder_id"),
)
GUARDIAN, WARD, CONFLICT = (
    Place("guardian", guardian),
    Place("ward", guardian, "guardian_id"),
    Place("conflict", conflict),
)


async def record_of(connection: AsyncConnection, row: Row[Any]) -> Record:
    """A person's row with all in it that may contradict another record."""
    insured = (await insurance(connection, [row.id]))[row.id]
    accounts = (await connection.execute(select(family_account).where(family_account.c.person_id == row.id))).all()
    guardians = await connection.execute(select(guardian.c.guardian_id).where(guardian.c.person_id == row.id))
    return Record(
        person_id=row.id,
        died_on=row.died_on,
        coverage=[Span(id=each.id, days=DateRange(each.start, each.end)) for each in insured.coverage],
        suspensions=[Span(id=each.id, days=DateRange(each.start, each.end)) for each in insured.suspensions],
        family_account=next((each.id for each in accounts if each.revoked_on is None), None),
        stand_ins=frozenset(guardians.scalars()) | {each.holder_id for each in accounts},
    )


async def counts(connection: AsyncConnection, person_id: UUID) -> dict[str, int]:
    """How many rows name a person, by place: what a merge would take along."""
    found = {}
    for place in (*PLACES, GUARDIAN, WARD):
        query = select(func.count()).select_from(place.table).where(place.whose == person_id)
        if number := await connection.scalar(query):
            found[place.noun] = number
    return found


async def go_over(connection: AsyncConnection, *, merged: UUID, survivor: UUID) -> dict[str, list[Any]]:
    """Give everything of one record to the other; what went, by place, so that it can be given back."""
    went: dict[str, list[Any]] = {}
    for place in PLACES:
        moved = update(place.table).where(place.whose == merged).values({place.column: survivor})
        went[place.noun] = list((await connection.execute(moved.returning(place.table.c.id))).scalars())
    there = guardian.alias()
    same_day = exists().where(there.c.person_id == survivor, there.c.since == guardian.c.since)
    named = update(guardian).where(guardian.c.person_id == merged, ~same_day).values(person_id=survivor)
    rows = await connection.execute(named.returning(guardian.c.since, guardian.c.guardian_id))
    went[GUARDIAN.noun] = [list(row) for row in rows]
    wards = update(guardian).where(guardian.c.guardian_id == merged).values(guardian_id=survivor)
    rows = await connection.execute(wards.returning(guardian.c.person_id, guardian.c.since))
    went[WARD.noun] = [list(row) for row in rows]
    like = conflict.alias()
    known = exists().where(
        like.c.person_id == survivor, like.c.kind == conflict.c.kind, like.c.proposed == conflict.c.proposed
    )
    still = and_(conflict.c.person_id == merged, conflict.c.status == "open")
    moved = update(conflict).where(still, ~known).values(person_id=survivor)
    went[CONFLICT.noun] = list((await connection.execute(moved.returning(conflict.c.id))).scalars())
    return went


async def settle_conflicts(connection: AsyncConnection, person_id: UUID, *, by: str, on: date) -> None:
    """Close what of a merged record waits for a clerk and waits of the survivor too."""
    mine = update(conflict).where(conflict.c.person_id == person_id, conflict.c.status == "open")
    reason = "登记已合并，与保留登记的待核实冲突相同"
    await connection.execute(mine.values(status="rejected", reason=reason, resolved_by=by, resolved_on=on))


async def give_back(
    connection: AsyncConnection, went: Mapping[str, Sequence[Any]], *, merged: UUID, survivor: UUID
) -> None:
    """Give back what went over and is still the survivor's."""
    for place in (*PLACES, CONFLICT):
        ids = literal([UUID(each) for each in went.get(place.noun, ())], ARRAY(Uuid))
        mine = update(place.table).where(place.table.c.id == any_(ids), place.whose == survivor)
        await connection.execute(mine.values({place.column: merged}))
    named = [(UUID(whom), date.fromisoformat(since)) for since, whom in went.get(GUARDIAN.noun, ())]
    # A guardian may have been merged meanwhile; another one was named for the survivor.
    whose = await MERGED.survivors(connection, [whom for whom, _ in named])
    for whom, day in named:
        mine = update(guardian).where(guardian.c.person_id == survivor, guardian.c.since == day)
        await connection.execute(mine.where(guardian.c.guardian_id == whose.get(whom, whom)).values(person_id=merged))
    for ward, since in went.get(WARD.noun, ()):
        mine = update(guardian).where(guardian.c.person_id == UUID(ward), guardian.c.since == date.fromisoformat(since))
        await connection.execute(mine.where(guardian.c.guardian_id == survivor).values(guardian_id=merged))


async def circumstances(connection: AsyncConnection, table: Table, ids: Sequence[Any]) -> Sequence[Row[Any]]:
    """Rows of a sort of circumstance under their next revision, because they are another person's now."""
    wanted = table.c.id == any_(literal([UUID(str(each)) for each in ids], ARRAY(Uuid)))
    told = update(table).where(wanted).values(revision=table.c.revision + 1).returning(table)
    return sorted(await connection.execute(told), key=lambda row: row.id)


async def say_whether_family_account(connection: AsyncConnection, persons: Sequence[UUID]) -> None:
    """Let persons' rows say whether a relative's account pays, where any was ever registered."""
    mine = family_account.c.person_id == person.c.id
    pays = exists().where(mine, family_account.c.revoked_on.is_(None))
    await connection.execute(
        update(person).where(person.c.id.in_(persons), exists().where(mine)).values(family_account=pays)
    )


async def add(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, merge, [row])


async def decide(connection: AsyncConnection, merge_id: UUID, **values: Any) -> None:
    await connection.execute(update(merge).where(merge.c.id == merge_id).values(**values))


def is_the_callers(scope: Scope, *, person_id: Column[Any], pool: Column[Any]) -> ColumnElement[bool]:
    """Whether the record that a row names is in scope."""
    record = person.alias()
    named = and_(record.c.id == person_id, record.c.pool == pool)
    return exists().where(named, within(scope, region=record.c.county))


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    """Both records are the caller's: nobody learns of a record of another county by a merge."""
    both = (merge.c.survivor_id, merge.c.merged_id)
    return and_(*(is_the_callers(scope, person_id=each, pool=merge.c.pool) for each in both))


async def get(connection: AsyncConnection, merge_id: UUID, scope: Scope, *, lock: bool = False) -> Row[Any] | None:
    query = select(merge).where(merge.c.id == merge_id, _in_scope(scope))
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def page(
    connection: AsyncConnection,
    scope: Scope,
    *,
    pool: str,
    status: str | None,
    person_id: UUID | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Merges of a pool in the order in which they were entered."""
    query = select(merge).where(merge.c.pool == pool, _in_scope(scope)).order_by(merge.c.id).limit(limit)
    if status is not None:
        query = query.where(merge.c.status == status)
    if person_id is not None:
        query = query.where(or_(merge.c.survivor_id == person_id, merge.c.merged_id == person_id))
    return (await connection.execute(query if after is None else query.where(merge.c.id > after))).all()


async def waiting(connection: AsyncConnection, records: Sequence[UUID]) -> UUID | None:
    """A merge of any of these records that still waits for approval."""
    either = or_(merge.c.merged_id.in_(records), merge.c.survivor_id.in_(records))
    return await connection.scalar(select(merge.c.id).where(either, merge.c.status == "entered").limit(1))


async def of_records(connection: AsyncConnection, person_id: UUID) -> Sequence[Row[Any]]:
    """Approved merges and reversals that a record took part in, the earliest first."""
    either = or_(merge.c.merged_id == person_id, merge.c.survivor_id == person_id)
    done = select(merge).where(either, merge.c.status == "approved").order_by(merge.c.decided_at, merge.c.id)
    return (await connection.execute(done)).all()


async def is_reversed(connection: AsyncConnection, merge_id: UUID) -> bool:
    done = exists().where(merge.c.reverses_id == merge_id, merge.c.status == "approved")
    return bool(await connection.scalar(select(done)))


async def merged_into(connection: AsyncConnection, person_id: UUID) -> UUID | None:
    """The record that a record is merged into, None where it stands for itself."""
    return (await MERGED.survivors(connection, [person_id])).get(person_id)
