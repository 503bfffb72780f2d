"""What others told, as it is known now: of each thing the row with the highest revision, in any order of arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from changhu_common.events import Event
from changhu_common.events.assessment import Conclusion
from changhu_common.events.care import Service
from changhu_common.events.enrollment import HospitalStay, OtherBenefit, PersonState
from changhu_common.events.provider import AgreementState, PricesPublished
from changhu_common.rows import insert_rows
from sqlalchemy import Row, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import agreement, conclusion, hospital_stay, other_benefit, person, price_list, service


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

    def row(self, event: Event) -> dict[str, Any]:
        told = event.model_dump(include=set(self.columns)) | {"void": getattr(event, "VOID", False)}
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
    Projection(AgreementState, agreement),
    Projection(PricesPublished, price_list),
)


async def keep(connection: AsyncConnection, events: Sequence[Event]) -> list[Row[*tuple[Any, ...]]]:
    """Keep what is newer than what is known; returns the services that changed, with where they stood before."""
    for projection in OTHERS:
        await _keep(connection, projection, events)
    return await _keep(connection, SERVICES, events)


async def _keep(
    connection: AsyncConnection, projection: Projection, events: Iterable[Event]
) -> list[Row[*tuple[Any, ...]]]:
    newest: dict[Any, Any] = {}
    for event in events:
        if isinstance(event, projection.event):
            known = newest.setdefault(getattr(event, projection.key), event)
            if known.revision < event.revision:  # type: ignore[attr-defined]
                newest[getattr(event, projection.key)] = event
    rows = [projection.row(newest[key]) for key in sorted(newest)]
    results = await insert_rows(connection, projection.table, rows, then=projection.then)
    return [row for result in results if projection.returning for row in result]
