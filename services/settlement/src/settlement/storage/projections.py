"""What others told, as it is known now: of each thing the row with the highest revision, in any order of arrival."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from changhu_common.events import Event
from changhu_common.events.assessment import AssessmentFee, Conclusion
from changhu_common.events.care import Service
from changhu_common.events.enrollment import HospitalStay, OtherBenefit, PersonState
from changhu_common.events.provider import AgreementState, PricesPublished
from changhu_common.merged_persons import Moved
from changhu_common.rows import insert_rows
from sqlalchemy import Row, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import (
    MERGED,
    agreement,
    assessment_fee,
    conclusion,
    hospital_stay,
    other_benefit,
    person,
    price_list,
    service,
)

# What belongs to whom a record belongs to; a person's state is each record's own.
OF_A_RECORD = (HospitalStay, OtherBenefit, Conclusion, AssessmentFee, Service)


@dataclass(frozen=True, slots=True)
class Projection:
    """Which events a table of facts keeps."""

    event: type[Event]
    table: Table
    returning: str = ""

    @property
    def key(self) -> str:
        return next(iter(self.table.primary_key)).name

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.table.columns]

    @property
    def then(self) -> str:
        name, key = self.table.name, self.key
        changed = ", ".join(f'"{each}" = EXCLUDED."{each}"' for each in self.columns if each != key)
        return (
            f'ON CONFLICT ("{key}") DO UPDATE SET {changed} WHERE {name}.revision < EXCLUDED.revision {self.returning}'
        )

    def row(self, event: Event, survivors: Mapping[UUID, UUID]) -> dict[str, Any]:
        """An event as a row; what was told of a merged record is the survivor's."""
        told = event.model_dump(include=set(self.columns)) | {"void": getattr(event, "VOID", False), "merged_id": None}
        if isinstance(event, OF_A_RECORD) and event.person_id in survivors:
            told |= {"person_id": survivors[event.person_id], "merged_id": event.person_id}
        return {name: told[name] for name in self.columns}


# A corrected visit may have moved: the person and the day that it leaves are counted again too.
_MOVED = (
    "RETURNING new.person_id, new.pool, new.started_at, new.void,"
    " old.person_id AS old_person_id, old.pool AS old_pool, old.started_at AS old_started_at"
)
SERVICES = Projection(Service, service, returning=_MOVED)
OTHERS = (
    Projection(PersonState, person),
    Projection(HospitalStay, hospital_stay),
    Projection(OtherBenefit, other_benefit),
    Projection(Conclusion, conclusion),
    Projection(AssessmentFee, assessment_fee),
    Projection(AgreementState, agreement),
    Projection(PricesPublished, price_list),
)


async def keep(
    connection: AsyncConnection, events: Sequence[Event], survivors: Mapping[UUID, UUID]
) -> list[Row[*tuple[Any, ...]]]:
    """Keep what is newer than what is known; returns the services that changed, with where they stood before.

    `survivors` says who those of the persons are that are merged records.
    """
    for projection in OTHERS:
        await _keep(connection, projection, events, survivors)
    return await _keep(connection, SERVICES, events, survivors)


async def rehome(connection: AsyncConnection, moved: Sequence[Moved]) -> None:
    """Give everything that was told of these records to whom they belong now."""
    for table in (hospital_stay, other_benefit, conclusion, assessment_fee, service):
        await MERGED.rehome(connection, table, moved)


async def _keep(
    connection: AsyncConnection, projection: Projection, events: Iterable[Event], survivors: Mapping[UUID, UUID]
) -> list[Row[*tuple[Any, ...]]]:
    newest: dict[Any, Any] = {}
    for event in events:
        if isinstance(event, projection.event):
            known = newest.setdefault(getattr(event, projection.key), event)
            if known.revision < event.revision:  # type: ignore[attr-defined]
                newest[getattr(event, projection.key)] = event
    rows = [projection.row(newest[key], survivors) for key in sorted(newest)]
    results = await insert_rows(connection, projection.table, rows, then=projection.then)
    return [row for result in results if projection.returning for row in result]
