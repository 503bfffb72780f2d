"""What was recorded is read by organisation and month; a caregiver reads his own visits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import NotFound
from changhu_common.periods import SHANGHAI, Month
from changhu_common.roles import Caller

from provider_registry.storage import organizations, visits
from provider_registry.storage.tables import MERGED
from provider_registry.usecases.visits import may_see, speaks_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    latitude: float
    longitude: float
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    at: datetime
    place: PlaceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    item: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView:
    """A visit as it is known now; `visit` is the id that the organisation's system gave it."""

    visit_id: UUID
    visit: str
    organization_id: UUID
    person_id: UUID
    county: str
    mode: str
    staff_id: UUID
    check_in: CheckView
    check_out: CheckView
    items: Sequence[ItemView]
    revision: int
    voided: bool
    recorded_at: datetime


class VisitReading:
    """What anybody entitled may know of visits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_month(
        self, *, caller: Caller, organization_id: UUID, month: Month, after: UUID | None, limit: int
    ) -> list[VisitView]:
        async with self._database.read() as connection:
            of = await organizations.of_id(connection, organization_id, scope=caller.scope)
            all_of_it = speaks_for(caller, pool=of.pool, county=of.county, organization_id=of.id)
            rows = await visits.page(
                connection,
                scope=caller.scope,
                organization_id=organization_id,
                start=datetime.combine(month.first, time(), SHANGHAI),
                end=datetime.combine(month.plus(1).first, time(), SHANGHAI),
                account=None if all_of_it else caller.subject,
                after=after,
                limit=limit,
            )
            merged = await MERGED.survivors(connection, {row.person_id for row in rows})
        return [_view(row, merged) for row in rows]

    async def of_id(self, *, caller: Caller, visit_id: UUID) -> VisitView:
        async with self._database.read() as connection:
            found = await visits.of_id(connection, visit_id, scope=caller.scope)
            merged = await MERGED.survivors(connection, [found.person_id]) if found else {}
        if found is None or not may_see(caller, found):
            raise NotFound("没有这条服务记录, 或不在您的权限范围内。")
        return _view(found, merged)


def _view(row: visits.Found, merged: Mapping[UUID, UUID]) -> VisitView:
    """A visit as the person's; `merged` says whose the merged records are."""
    return VisitView(
        visit_id=row.id,
        visit=row.reference,
        organization_id=row.organization_id,
        person_id=merged.get(row.person_id, row.person_id),
        county=row.county,
        mode=row.mode,
        staff_id=row.staff_id,
        check_in=CheckView(at=row.started_at, place=PlaceView(**row.check_in_place)),
        check_out=CheckView(at=row.ended_at, place=PlaceView(**row.check_out_place)),
        items=[ItemView(**each) for each in row.items],
        revision=row.revision,
        voided=row.voided,
        recorded_at=row.recorded_at,
    )
