"""Everything that was ever known of a person, in two statements: what the rows say now and what they said before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.timeline import BASE, COVERAGE, Version
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
    UNION ALL SELECT 'hardship', recorded_at, to_jsonb(hardship) FROM hardship WHERE person_id = :person
    UNION ALL SELECT 'contribution_base', contribution_base.recorded_at, to_jsonb(contribution_base)
        FROM contribution_base JOIN coverage ON coverage.id = contribution_base.coverage_id
        WHERE coverage.person_id = :person
    """
)


async def versions_of(connection: AsyncConnection, person_id: UUID) -> list[Version]:
    """Every version of everything that is kept of a person, now and before."""
    found = [
        Version(subject=row.subject, state=row.state, recorded_at=row.recorded_at)
        for row in await connection.execute(_NOW, {"person": person_id})
    ]
    earlier = await _earlier(connection, [person_id])
    of_coverage = {UUID(each.state["id"]) for each in (*found, *earlier) if each.subject == COVERAGE}
    bases = await _earlier(connection, sorted(of_coverage))
    return [*found, *earlier, *(each for each in bases if each.subject == BASE)]


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
