"""Those whom a file registers through a guardian, beside what is known, in a few statements however many they are.

Ward and guardian are found by keyed digests of their numbers; during a change of keys a row has one
for each pair of keys. Under the number of a merged record its survivor stands.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from changhu_common.database import Transaction
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from sqlalchemy import Boolean, Column, Date, Integer, LargeBinary, MetaData, Row, Table, Text, and_, func, or_, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from enrollment.domain.family import MINOR
from enrollment.storage import persons
from enrollment.storage.family_tables import guardian as named_guardian
from enrollment.storage.merge_tables import merged_person
from enrollment.storage.tables import coverage, person

# `beside` says that the guardian stands in the same file, as somebody who needs none.
ward = Table(
    "ward",
    MetaData(),
    Column("line", Integer),
    Column("pool", Text),
    Column("ward", LargeBinary),
    Column("guardian", LargeBinary),
    Column("relation", Text),
    Column("start", Date),
    Column("beside", Boolean),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

# Who has another guardian now, or the same in another relation; one who had none has him from the first day on.
_NAME = sql(
    """
    WITH wanted AS MATERIALIZED (
        SELECT DISTINCT ON (child.id) ward.line, child.id AS person_id,
            CASE WHEN current.guardian_id IS NULL THEN ward.start ELSE greatest(ward.start, :today) END AS since,
            adult.id AS guardian_id, coalesce(ward.relation, same.relation) AS relation
        FROM ward
        JOIN person AS childs ON childs.pool = ward.pool AND childs.resident_number_index = ward.ward
        LEFT JOIN merged_person AS childs_own ON childs_own.person_id = childs.id
        CROSS JOIN LATERAL (SELECT coalesce(childs_own.survivor_id, childs.id) AS id) AS child
        JOIN person AS adults ON adults.pool = ward.pool AND adults.resident_number_index = ward.guardian
        LEFT JOIN merged_person AS adults_own ON adults_own.person_id = adults.id
        CROSS JOIN LATERAL (SELECT coalesce(adults_own.survivor_id, adults.id) AS id) AS adult
        LEFT JOIN LATERAL (
            SELECT guardian_id, relation FROM guardian WHERE person_id = child.id ORDER BY since DESC LIMIT 1
        ) AS current ON true
        LEFT JOIN LATERAL (SELECT current.relation WHERE current.guardian_id = adult.id) AS same ON true
        WHERE ward.line <> ALL(CAST(:refused AS int[])) AND (
            current.guardian_id IS DISTINCT FROM adult.id
            OR coalesce(ward.relation, same.relation) IS DISTINCT FROM same.relation
        )
        ORDER BY child.id
    ), named AS (
        INSERT INTO guardian (person_id, since, guardian_id, relation)
        SELECT person_id, since, guardian_id, relation FROM wanted
        ON CONFLICT (person_id, since) DO UPDATE
        SET guardian_id = EXCLUDED.guardian_id, relation = EXCLUDED.relation
    ), audited AS (
        INSERT INTO audit (at, actor, origin, action, subject, subject_id, after)
        SELECT :now, :actor, :origin, 'guardian.named', 'person', person_id,
            jsonb_build_object('import_id', CAST(:import AS text), 'since', since, 'guardian_id', guardian_id,
                'relation', relation)
        FROM wanted
    )
    SELECT line FROM wanted
    """
)


async def take(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set a file's wards beside what is known, for the rest of the transaction."""
    await connection.execute(CreateTable(ward))
    await insert_rows(connection, ward, rows)
    await connection.execute(sql("ANALYZE ward"))


async def in_doubt(connection: AsyncConnection, scope: Scope, *, today: date) -> Sequence[Row[Any]]:
    """Every line with what speaks against its guardian; those that only the file knows are left out."""
    childs, adults, adult = person.alias("childs"), person.alias("adults"), person.alias("adult")
    childs_own, adults_own = merged_person.alias("childs_own"), merged_person.alias("adults_own")
    child_id = func.coalesce(childs_own.c.survivor_id, childs.c.id)
    is_minor = (
        select(coverage.c.id)
        .where(coverage.c.pool == ward.c.pool, coverage.c.person_id == adult.c.id)
        .where(coverage.c.category == MINOR, coverage.c.start <= today)
        .where(or_(coverage.c.end.is_(None), coverage.c.end >= today))
        .exists()
    )
    guarded = select(named_guardian.c.person_id).where(named_guardian.c.person_id == child_id).exists()
    visible = persons.in_scope(scope, of=adult)
    query = (
        select(
            ward.c.line,
            func.bool_and(ward.c.guardian.is_(None)).label("unnamed"),
            func.bool_or(and_(ward.c.guardian.is_(None), guarded)).label("guarded"),
            func.bool_or(or_(ward.c.beside, and_(adult.c.id.is_not(None), visible))).label("known"),
            func.bool_or(adult.c.died_on.is_not(None)).label("died"),
            func.bool_or(is_minor).label("minor"),
            func.bool_or(adult.c.id == child_id).label("own"),
        )
        .select_from(ward)
        .outerjoin(childs, and_(childs.c.pool == ward.c.pool, childs.c.resident_number_index == ward.c.ward))
        .outerjoin(childs_own, childs_own.c.person_id == childs.c.id)
        .outerjoin(adults, and_(adults.c.pool == ward.c.pool, adults.c.resident_number_index == ward.c.guardian))
        .outerjoin(adults_own, adults_own.c.person_id == adults.c.id)
        .outerjoin(
            adult,
            and_(adult.c.pool == ward.c.pool, adult.c.id == func.coalesce(adults_own.c.survivor_id, adults.c.id)),
        )
        .where(or_(~func.coalesce(ward.c.beside, False), adult.c.id.is_not(None)))
        .group_by(ward.c.line)
        .order_by(ward.c.line)
    )
    found: Any = (await connection.execute(query)).all()
    return list(found)


async def name(tx: Transaction, *, import_id: str, refused: Collection[int], today: date) -> list[int]:
    """Name the guardians of all wards but those on refused lines; the lines that said something new."""
    who = {"now": tx.now, "actor": tx.actor.subject, "origin": tx.actor.origin}
    asked = {"import": import_id, "refused": list(refused), "today": today}
    return [row.line for row in await tx.connection.execute(_NAME, {**who, **asked})]
