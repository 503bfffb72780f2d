"""What other services told, kept at its highest revision, and what is asked of it.

Rows go in sorted by id, so that two who write or lock several of them never wait for each other.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.events.care import CarePlanConfirmed, Service
from changhu_common.events.enrollment import PersonState
from changhu_common.events.provider import AgreementState, StaffState
from changhu_common.periods import DateRange
from changhu_common.rows import insert_rows
from sqlalchemy import ColumnElement, Row, Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.domain.assignment import Agreement, Member
from assessment.storage.tables import MERGED, agreement, care, person, staff

AnyRow = Row[*tuple[Any, ...]]


async def keep_persons(connection: AsyncConnection, events: Iterable[PersonState]) -> None:
    await _keep(
        connection,
        person,
        (
            {
                "person_id": event.person_id,
                "pool": event.pool,
                "county": event.county,
                "revision": event.revision,
                "coverage": _periods(event.coverage),
                "died_on": event.died_on,
            }
            for event in events
        ),
    )


async def keep_agreements(connection: AsyncConnection, events: Iterable[AgreementState]) -> None:
    await _keep(
        connection,
        agreement,
        (
            {
                "agreement_id": event.agreement_id,
                "organization_id": event.organization_id,
                "pool": event.pool,
                "kind": event.kind,
                "revision": event.revision,
                "start": event.start,
                "end": event.end,
                "suspensions": _periods(event.suspensions),
            }
            for event in events
        ),
    )


async def keep_staff(connection: AsyncConnection, events: Iterable[StaffState]) -> None:
    await _keep(
        connection,
        staff,
        (
            {
                "staff_id": event.staff_id,
                "organization_id": event.organization_id,
                "pool": event.pool,
                "revision": event.revision,
                "roles": list(event.roles),
                "account": event.account,
                "person_id": event.person_id,
                "start": event.start,
                "end": event.end,
            }
            for event in events
        ),
    )


async def keep_care(connection: AsyncConnection, events: Iterable[CarePlanConfirmed | Service]) -> None:
    await _keep(
        connection,
        care,
        (
            {
                "id": event.plan_id if isinstance(event, CarePlanConfirmed) else event.visit_id,
                "person_id": event.person_id,
                "organization_id": event.organization_id,
                "revision": event.revision,
                "void": isinstance(event, Service) and event.VOID,
            }
            for event in events
        ),
    )


async def person_of(connection: AsyncConnection, person_id: UUID, *, lock: bool = False) -> AnyRow | None:
    """The person as enrollment told; None where it has not yet. `lock` keeps everybody else from concluding."""
    query = select(person).where(person.c.person_id == person_id)
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def lock_person(connection: AsyncConnection, record: UUID) -> UUID:
    """Whose a record is, and nobody else concludes about that person until the transaction ends."""
    person_id = record
    while True:
        await lock_persons(connection, [record, person_id])
        now = await MERGED.survivor(connection, record)
        if now == person_id:
            return person_id
        # Merged while it was waited for.
        person_id = now


async def lock_persons(connection: AsyncConnection, person_ids: Collection[UUID]) -> None:
    """Keep everybody else from concluding about them, in sorted order."""
    query = select(person.c.person_id).where(person.c.person_id.in_(person_ids)).order_by(person.c.person_id)
    await connection.execute(query.with_for_update())


async def agreements_of(connection: AsyncConnection, *, organization_id: UUID, pool: str) -> list[Agreement]:
    rows = await connection.execute(
        select(agreement).where(agreement.c.organization_id == organization_id, agreement.c.pool == pool)
    )
    return [
        Agreement(kind=row.kind, days=DateRange(row.start, row.end), suspended=read_periods(row.suspensions))
        for row in rows
    ]


async def members_of(connection: AsyncConnection, *, staff_ids: Sequence[UUID], pool: str, on: date) -> list[Member]:
    """Those of the pool's staff, with every organisation that the same account or person serves on the day."""
    rows = (await connection.execute(select(staff).where(staff.c.staff_id.in_(staff_ids), staff.c.pool == pool))).all()
    return await _members(connection, rows, on=on)


async def experts_of(connection: AsyncConnection, *, account: str, pool: str, on: date) -> list[Member]:
    """An account's registrations as an expert with assessment organisations of the pool, on a day."""
    assesses = (
        select(agreement.c.agreement_id)
        .where(
            agreement.c.organization_id == staff.c.organization_id,
            agreement.c.kind == "assessment_organization",
            _covers(agreement, on),
        )
        .exists()
    )
    rows = (
        await connection.execute(
            select(staff)
            .where(
                staff.c.account == account,
                staff.c.pool == pool,
                staff.c.roles.contains(["expert"]),
                _covers(staff, on),
                assesses,
            )
            .order_by(staff.c.staff_id)
        )
    ).all()
    return await _members(connection, rows, on=on)


async def organizations_of_expert(connection: AsyncConnection, *, account: str, on: date) -> Sequence[UUID]:
    """The organisations that an account serves as an expert on a day."""
    rows = await connection.execute(
        select(staff.c.organization_id).where(
            staff.c.account == account, staff.c.roles.contains(["expert"]), _covers(staff, on)
        )
    )
    return rows.scalars().all()


async def carers_of(connection: AsyncConnection, person_id: UUID) -> frozenset[UUID]:
    """Every organisation that planned or gave care to the person, unless it was all taken back."""
    records = await MERGED.records(connection, [person_id])
    rows = await connection.execute(
        select(care.c.organization_id).where(care.c.person_id.in_(records), ~care.c.void).distinct()
    )
    return frozenset(rows.scalars())


async def _members(connection: AsyncConnection, rows: Sequence[AnyRow], *, on: date) -> list[Member]:
    whose = await MERGED.records(connection, {row.person_id for row in rows if row.person_id})
    others = (
        await connection.execute(
            select(staff.c.account, staff.c.person_id, staff.c.organization_id).where(
                or_(
                    staff.c.account.in_([row.account for row in rows]),
                    staff.c.person_id.in_(whose),
                ),
                _covers(staff, on),
            )
        )
    ).all()
    return [
        Member(
            staff_id=row.staff_id,
            account=row.account,
            person_id=whose.get(row.person_id),
            organization_id=row.organization_id,
            expert="expert" in row.roles,
            days=DateRange(row.start, row.end),
            serves=frozenset(
                other.organization_id
                for other in others
                if other.account == row.account
                or (row.person_id and whose.get(other.person_id) == whose[row.person_id])
            ),
        )
        for row in rows
    ]


def _covers(table: Table, on: date) -> ColumnElement[bool]:
    return and_(table.c.start <= on, or_(table.c.end.is_(None), table.c.end >= on))


async def _keep(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the highest revision of each row, unless the table knows a higher one."""
    (key,) = (column.name for column in table.primary_key)
    highest: dict[UUID, Mapping[str, Any]] = {}
    for row in rows:
        known = highest.get(row[key])
        if known is None or known["revision"] < row["revision"]:
            highest[row[key]] = row
    columns = [column.name for column in table.columns if column.name != key]
    news = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in columns)
    await insert_rows(
        connection,
        table,
        [highest[each] for each in sorted(highest)],
        then=f'ON CONFLICT ({key}) DO UPDATE SET {news} WHERE "{table.name}".revision < EXCLUDED.revision',
    )


def _periods(told: Iterable[Any]) -> list[dict[str, str | None]]:
    return [{"start": str(each.start), "end": each.end and str(each.end)} for each in told]


def read_periods(written: Iterable[Mapping[str, str | None]]) -> list[DateRange]:
    """Days as the projections keep them in JSON."""
    return [
        DateRange(date.fromisoformat(each["start"] or ""), date.fromisoformat(each["end"]) if each["end"] else None)
        for each in written
    ]
