"""Everything that was ever known of a person, in two statements: what the rows say now and what they said before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.timeline import BASE, COVERAGE, MERGE, Version
from enrollment.storage import merges
from enrollment.storage.tables import SPINE, version

_NOW = text(
    """
    SELECT 'person' AS subject, recorded_at, jsonb_build_object(
        'county', county, 'marks', marks, 'family_account', family_account, 'died_on', died_on) AS state
    FROM person WHERE id = :person
    UNION ALL SELECT 'coverage', recorded_at, to_jsonb(coverage) FROM coverage WHERE person_id = :person
    UNION ALL SELECT 'suspension', recorded_at, to_jsonb(suspension) FROM suspension WHERE person_id = :person
    UNION ALL SELECT 'other_benefit', recorded_at, to_jsonb(other_benefit) FROM other_benefit WHERE person_id = :person
    UNION ALL SELECT 'hospital_stay', recorded_at, to_jsonb(hospital_stay) FROM hospital_stay WHERE person_id = :person
    UNION ALL SELECT 'county_move', recorded_at, to_jsonb(county_move) FROM county_move WHERE person_id = :person
    UNION ALL SELECT 'hardship', recorded_at, to_jsonb(hardship) FROM hardship WHERE person_id = :person
    """
)
# A coverage that went over to another record took its bases along; this record's days of it are told with them.
_BASES = text(
    "SELECT 'contribution_base' AS subject, recorded_at, to_jsonb(contribution_base) AS state"
    " FROM contribution_base WHERE coverage_id = ANY(CAST(:coverages AS uuid[]))"
)


async def versions_of(connection: AsyncConnection, person_id: UUID) -> list[Version]:
    """Every version of everything that is kept of a person, now and before."""
    found = [
        Version(subject=row.subject, state=row.state, recorded_at=row.recorded_at)
        for row in await connection.execute(_NOW, {"person": person_id})
    ]
    earlier = await _earlier(connection, [person_id])
    of_coverage = sorted({UUID(each.state["id"]) for each in (*found, *earlier) if each.subject == COVERAGE})
    now = await connection.execute(_BASES, {"coverages": of_coverage})
    bases = [Version(subject=row.subject, state=row.state, recorded_at=row.recorded_at) for row in now]
    bases += [each for each in await _earlier(connection, of_coverage) if each.subject == BASE]
    return [*found, *earlier, *bases, *await _merges(connection, person_id)]


async def _merges(connection: AsyncConnection, person_id: UUID) -> list[Version]:
    """The merges that a record took part in; one that was taken back was known until then."""
    rows = await merges.of_records(connection, person_id)
    reversals = {row.reverses_id: row for row in rows if row.reverses_id}
    return [
        Version(
            subject=MERGE,
            state={"id": str(row.id), "survivor_id": str(row.survivor_id), "merged_id": str(row.merged_id)},
            recorded_at=row.decided_at,
            replaced_at=reversals[row.id].decided_at if row.id in reversals else None,
            reason=reversals[row.id].reason if row.id in reversals else row.reason,
        )
        for row in rows
        if row.reverses_id is None
    ]


async def _earlier(connection: AsyncConnection, owners: list[UUID]) -> list[Version]:
    rows: Any = await connection.execute(select(version).where(version.c.owner_id.in_(owners)).order_by(version.c.id))
    return [
        Version(
            subject=row.subject,
            state=row.state,
            recorded_at=row.recorded_at,
            replaced_at=row.replaced_at,
            reason=row.reason,
        )
        for row in rows
    ]


async def registered_at(connection: AsyncConnection, person_id: UUID) -> datetime | None:
    """When a person was registered, for those whose row came with a first load and bears no moment."""
    audit = SPINE.audit
    query = select(audit.c.at).where(audit.c.subject == "person", audit.c.subject_id == str(person_id))
    found: datetime | None = await connection.scalar(query.order_by(audit.c.at).limit(1))
    return found
