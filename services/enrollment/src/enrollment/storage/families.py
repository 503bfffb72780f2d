"""Guardians and family accounts in the database."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.family import Kin
from enrollment.storage import persons
from enrollment.storage.family_tables import family_account, guardian
from enrollment.storage.tables import coverage, person


async def kin(connection: AsyncConnection, person_id: UUID, scope: Scope, *, on: date) -> Kin | None:
    """Somebody in scope as registered, with the category of a day."""
    found = await persons.get(connection, [person_id], scope)
    if not found:
        return None
    await persons.refuse_merged(connection, person_id)
    of_day = select(coverage.c.category).where(
        coverage.c.person_id == person_id,
        coverage.c.start <= on,
        or_(coverage.c.end.is_(None), coverage.c.end >= on),
    )
    category = await connection.scalar(of_day)
    row = found[0]
    return Kin(person_id=row.id, pool=row.pool, died=row.died_on is not None, category=category, marks=row.marks)


async def set_guardian(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Name a guardian from a day on."""
    await insert_rows(
        connection,
        guardian,
        [row],
        then="ON CONFLICT (person_id, since) DO UPDATE"
        " SET guardian_id = EXCLUDED.guardian_id, relation = EXCLUDED.relation",
    )


async def guardians_of(connection: AsyncConnection, person_id: UUID) -> Sequence[Row[Any]]:
    query = select(guardian).where(guardian.c.person_id == person_id).order_by(guardian.c.since.desc())
    return (await connection.execute(query)).all()


async def accounts_of(connection: AsyncConnection, person_id: UUID) -> Sequence[Row[Any]]:
    query = select(family_account).where(family_account.c.person_id == person_id)
    return (await connection.execute(query.order_by(family_account.c.consented_on, family_account.c.id))).all()


async def account(connection: AsyncConnection, account_id: UUID) -> Row[Any] | None:
    return (await connection.execute(select(family_account).where(family_account.c.id == account_id))).one_or_none()


async def add_account(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    await insert_rows(connection, family_account, [row])


async def revoke(connection: AsyncConnection, account_id: UUID, revoked_on: date) -> None:
    ended = update(family_account).where(family_account.c.id == account_id)
    await connection.execute(ended.values(revoked_on=revoked_on))


async def say_family_account(connection: AsyncConnection, person_id: UUID, *, there: bool) -> None:
    await connection.execute(update(person).where(person.c.id == person_id).values(family_account=there))
