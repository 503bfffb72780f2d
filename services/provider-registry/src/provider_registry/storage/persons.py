"""Insured people as enrollment told of them: where they are insured, and when they died."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from changhu_common.events.enrollment import PersonState
from changhu_common.rows import insert_rows
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.storage.organizations import among
from provider_registry.storage.tables import person

Found = Row[*tuple[Any, ...]]


async def keep(connection: AsyncConnection, states: Iterable[PersonState]) -> None:
    """Keep the highest revision of each; in order of id, as everybody locks these rows."""
    highest: dict[UUID, PersonState] = {}
    for each in states:
        known = highest.get(each.person_id)
        if known is None or known.revision < each.revision:
            highest[each.person_id] = each
    await insert_rows(
        connection,
        person,
        [
            {
                "id": each.person_id,
                "pool": each.pool,
                "county": each.county,
                "died_on": each.died_on,
                "revision": each.revision,
            }
            for _, each in sorted(highest.items())
        ],
        then=(
            "ON CONFLICT (id) DO UPDATE SET pool = EXCLUDED.pool, county = EXCLUDED.county,"
            " died_on = EXCLUDED.died_on, revision = EXCLUDED.revision WHERE person.revision < EXCLUDED.revision"
        ),
    )


async def locked(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Found]:
    """People by id, their rows locked in order: so what is told of one person stands in order."""
    rows = await connection.execute(
        select(person).where(among(person.c.id, ids)).order_by(person.c.id).with_for_update(key_share=True)
    )
    return {row.id: row for row in rows}
