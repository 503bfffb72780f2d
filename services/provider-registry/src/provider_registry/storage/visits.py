"""Visits in the database: many are looked up and written at a time."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from sqlalchemy import Row, Select, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.visit import VISIT_MAX, Place, Visit
from provider_registry.storage.organizations import among, inside
from provider_registry.storage.tables import organization, staff, visit

Found = Row[*tuple[Any, ...]]

# Nothing that was recorded is longer than VISIT_MAX, so no earlier start can reach into a visit. LATERAL with
# LIMIT looks each visit up in the index, whatever the planner believes of a table that grows by the minute.
_ELSEWHERE = text(
    "SELECT asked.id FROM unnest(CAST(:ids AS uuid[]), CAST(:staff AS uuid[]),"
    " CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS asked(id, staff_id, started_at, ended_at),"
    " LATERAL (SELECT FROM visit WHERE visit.staff_id = asked.staff_id AND visit.started_at < asked.ended_at"
    " AND visit.started_at > asked.started_at - CAST(:longest AS interval) AND visit.ended_at > asked.started_at"
    " AND NOT visit.voided AND visit.id <> asked.id LIMIT 1) AS other"
)


async def known(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, tuple[bytes, bytes]]:
    """The digests of what was sent first and of what holds now, for those of the visits that are recorded."""
    rows = await connection.execute(
        select(visit.c.id, visit.c.first_digest, visit.c.digest).where(among(visit.c.id, ids))
    )
    return {row.id: (row.first_digest, row.digest) for row in rows}


async def elsewhere(connection: AsyncConnection, visits: Sequence[Visit]) -> set[UUID]:
    """Those of the visits whose caregiver has another recorded visit at that time."""
    rows = await connection.execute(
        _ELSEWHERE,
        {
            "ids": [each.id for each in visits],
            "staff": [each.staff_id for each in visits],
            "starts": [each.started_at for each in visits],
            "ends": [each.ended_at for each in visits],
            "longest": VISIT_MAX,
        },
    )
    return set(rows.scalars())


async def add(
    connection: AsyncConnection, visits: Sequence[tuple[Visit, str, str]], *, recorded_at: datetime
) -> set[UUID]:
    """Write visits with pool and county; returns those that were not recorded by somebody else just now."""
    results = await insert_rows(
        connection,
        visit,
        [
            {
                "id": each.id,
                "organization_id": each.organization_id,
                "reference": each.reference,
                "person_id": each.person_id,
                "pool": pool,
                "county": county,
                **_content(each),
                "revision": 1,
                "voided": False,
                "first_digest": each.digest,
                "recorded_at": recorded_at,
            }
            for each, pool, county in visits
        ],
        then="ON CONFLICT (id) DO NOTHING RETURNING id",
    )
    return {row.id for result in results for row in result}


async def correct(connection: AsyncConnection, corrected: Visit, *, revision: int) -> None:
    await connection.execute(
        update(visit).where(visit.c.id == corrected.id).values(revision=revision, **_content(corrected))
    )


async def void(connection: AsyncConnection, visit_id: UUID, *, revision: int) -> None:
    await connection.execute(update(visit).where(visit.c.id == visit_id).values(revision=revision, voided=True))


async def of_id(connection: AsyncConnection, visit_id: UUID, *, scope: Scope, lock: bool = False) -> Found | None:
    query = _in_scope(scope).where(visit.c.id == visit_id)
    if lock:
        query = query.with_for_update(of=visit)
    return (await connection.execute(query)).one_or_none()


async def page(
    connection: AsyncConnection,
    *,
    scope: Scope,
    organization_id: UUID,
    start: datetime,
    end: datetime,
    account: str | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Found]:
    """Visits that began from `start` and before `end`, in order of time, then id; `account` is their caregiver's."""
    place = tuple_(visit.c.started_at, visit.c.id)
    query = (
        _in_scope(scope)
        .where(visit.c.organization_id == organization_id, visit.c.started_at >= start, visit.c.started_at < end)
        .order_by(visit.c.started_at, visit.c.id)
        .limit(limit)
    )
    if account is not None:
        query = query.where(visit.c.staff_id.in_(select(staff.c.id).where(staff.c.account == account)))
    if after is not None:
        last = visit.alias()
        query = query.where(place > select(last.c.started_at, last.c.id).where(last.c.id == after).scalar_subquery())
    return (await connection.execute(query)).all()


def as_visit(row: Found) -> Visit:
    """The visit that a row holds now."""
    return Visit(
        organization_id=row.organization_id,
        reference=row.reference,
        person_id=row.person_id,
        mode=row.mode,
        staff_id=row.staff_id,
        started_at=row.started_at.astimezone(UTC),
        ended_at=row.ended_at.astimezone(UTC),
        check_in_place=Place(**row.check_in_place),
        check_out_place=Place(**row.check_out_place),
        items=tuple((each["item"], each["quantity"]) for each in row.items),
    )


def _content(each: Visit) -> dict[str, Any]:
    return {
        "mode": each.mode,
        "staff_id": each.staff_id,
        "started_at": each.started_at,
        "ended_at": each.ended_at,
        "check_in_place": each.check_in_place.as_json(),
        "check_out_place": each.check_out_place.as_json(),
        "items": each.content["items"],
        "digest": each.digest,
    }


def _in_scope(scope: Scope) -> Select[*tuple[Any, ...]]:
    return (
        select(visit, staff.c.account, organization.c.county.label("organization_county"))
        .join(organization, organization.c.id == visit.c.organization_id)
        .join(staff, staff.c.id == visit.c.staff_id)
        .where(inside(scope))
    )
