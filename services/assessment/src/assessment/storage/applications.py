"""Applications and what belongs to each of their rounds."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, Row, Table, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.domain.steps import OPEN, State
from assessment.storage.tables import MERGED, application, assignment, confirmation, merged_person, objection, visit

AnyRow = Row[*tuple[Any, ...]]

# An application stays with the record that it was entered for; `whose` is the person.
_APPLICATIONS = select(
    application, func.coalesce(merged_person.c.survivor_id, application.c.person_id).label("whose")
).outerjoin(merged_person, merged_person.c.person_id == application.c.person_id)


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    await connection.execute(insert(application).values(values))


async def lock(
    connection: AsyncConnection, application_id: UUID, *, scope: Scope, serving: Iterable[UUID] = ()
) -> AnyRow | None:
    """The application, locked until the transaction ends; None out of scope.

    `serving` are organisations whose grants open it as well: the pool's experts look at each other's work.
    """
    opened = or_(
        await _inside(connection, scope),
        *(within(scope, region=application.c.county, organisation=literal(each)) for each in serving),
    )
    query = _APPLICATIONS.where(application.c.id == application_id, opened).with_for_update(of=application)
    return (await connection.execute(query)).one_or_none()


async def change(connection: AsyncConnection, application_id: UUID, **values: Any) -> None:
    await connection.execute(update(application).where(application.c.id == application_id).values(**values))


async def open_of(connection: AsyncConnection, person_id: UUID, *, besides: UUID | None = None) -> UUID | None:
    """An application of the person, under whatever record, that is not through yet; a record has one at most."""
    records = await MERGED.records(connection, [person_id])
    query = select(application.c.id).where(application.c.person_id.in_(records), application.c.state.in_(list(OPEN)))
    query = query if besides is None else query.where(application.c.id != besides)
    return await connection.scalar(query.order_by(application.c.id).limit(1))


async def find(connection: AsyncConnection, application_id: UUID, *, scope: Scope) -> AnyRow | None:
    inside = await _inside(connection, scope)
    return (await connection.execute(_APPLICATIONS.where(application.c.id == application_id, inside))).one_or_none()


async def page(
    connection: AsyncConnection, *, pool: str, state: State | None, after: UUID | None, limit: int, scope: Scope
) -> Sequence[AnyRow]:
    inside = await _inside(connection, scope)
    query = _APPLICATIONS.where(application.c.pool == pool, inside).order_by(application.c.id)
    if state is not None:
        query = query.where(application.c.state == state)
    if after is not None:
        query = query.where(application.c.id > after)
    return (await connection.execute(query.limit(limit))).all()


async def lock_publicised(
    connection: AsyncConnection, *, over_before: date, pool: str, limit: int, scope: Scope
) -> Sequence[AnyRow]:
    """Applications of a pool whose publicity ended before a day, locked in order of their ids."""
    return (
        await connection.execute(
            _APPLICATIONS.where(
                application.c.state == State.PUBLICITY,
                application.c.publicity_ends_on < over_before,
                application.c.pool == pool,
                await _inside(connection, scope),
            )
            .order_by(application.c.id)
            .limit(limit)
            .with_for_update(of=application)
        )
    ).all()


async def publicised(
    connection: AsyncConnection, *, over_before: date, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Every application whose publicity ended before a day, in order of their ids, from `after` on."""
    query = (
        select(application.c.id)
        .where(application.c.state == State.PUBLICITY, application.c.publicity_ends_on < over_before)
        .order_by(application.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(application.c.id > after)
    return (await connection.execute(query)).scalars().all()


async def assign(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Write the round's assignment, in the place of the one that it replaces."""
    statement = upsert(assignment).values(values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[assignment.c.application_id, assignment.c.round],
            set_={name: statement.excluded[name] for name in values if name not in ("application_id", "round")},
        )
    )


async def assignment_of(connection: AsyncConnection, application_id: UUID, round_: int) -> AnyRow | None:
    return await _of_round(connection, assignment, application_id, round_)


async def add_visit(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    await connection.execute(insert(visit).values(values))


async def visit_of(connection: AsyncConnection, application_id: UUID, round_: int) -> AnyRow | None:
    return await _of_round(connection, visit, application_id, round_)


async def add_confirmation(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    await connection.execute(insert(confirmation).values(values))


async def confirmations_of(connection: AsyncConnection, application_id: UUID, round_: int) -> Sequence[AnyRow]:
    return (
        await connection.execute(
            select(confirmation)
            .where(confirmation.c.application_id == application_id, confirmation.c.round == round_)
            .order_by(confirmation.c.confirmed_at, confirmation.c.account)
        )
    ).all()


async def add_objection(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    await connection.execute(insert(objection).values(values))


async def objection_of(connection: AsyncConnection, application_id: UUID) -> AnyRow | None:
    return (
        await connection.execute(select(objection).where(objection.c.application_id == application_id))
    ).one_or_none()


async def _inside(connection: AsyncConnection, scope: Scope) -> ColumnElement[bool]:
    """Whoever is known by one of his records sees what was entered for another of them."""
    return within(
        await MERGED.widened(connection, scope),
        region=application.c.county,
        organisation=application.c.organization_id,
        person=application.c.person_id,
    )


async def _of_round(connection: AsyncConnection, table: Table, application_id: UUID, round_: int) -> AnyRow | None:
    return (
        await connection.execute(select(table).where(table.c.application_id == application_id, table.c.round == round_))
    ).one_or_none()
