"""Statements, their payments and lines: what is still to be settled, and what was."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.steps import FREE
from settlement.storage.budget import STANDING
from settlement.storage.tables import agreement, budget_answer, payment, statement, statement_line

Found = Row[*tuple[Any, ...]]

# A statement with what the budget answered of it last.
_STATEMENTS = select(statement, *STANDING).outerjoin(budget_answer, budget_answer.c.statement_id == statement.c.id)

# Each line of the organisation that is undecided, or comes to something else than what statements hold of it:
# once for each book that it has money in. A line that moved behind the closing month is worth nothing up to it.
# What was settled under a merged record stands in the survivor's book: only the difference is settled anew.
_OPEN = text("""
WITH book AS (
    SELECT sl.line_id, coalesce(m.survivor_id, p.person_id) AS person_id, p.month, p.county, p.category,
           sum(sl.cost_fen)::bigint AS cost_fen, sum(sl.fund_fen)::bigint AS fund_fen,
           sum(sl.person_fen)::bigint AS person_fen
    FROM statement s JOIN payment p ON p.statement_id = s.id JOIN statement_line sl ON sl.payment_id = p.id
    LEFT JOIN merged_person m ON m.person_id = p.person_id
    WHERE s.organization_id = :organization_id AND s.status <> ALL (CAST(:free AS text[]))
    GROUP BY sl.line_id, coalesce(m.survivor_id, p.person_id), p.month, p.county, p.category
), open AS (
    SELECT l.id FROM line l LEFT JOIN book b ON b.line_id = l.id
    WHERE l.organization_id = :organization_id AND (l.month <= :month OR b.line_id IS NOT NULL)
    GROUP BY l.id
    HAVING (l.status = 'undecided' AND l.month <= :month)
        OR coalesce(sum(b.cost_fen), 0) <> CASE WHEN l.month <= :month THEN l.cost_fen ELSE 0 END
        OR coalesce(sum(b.fund_fen), 0) <> CASE WHEN l.month <= :month THEN l.fund_fen ELSE 0 END
        OR bool_or((b.person_id, b.month) <> (l.person_id, l.month) AND (b.cost_fen, b.fund_fen) <> (0, 0))
        OR bool_or(b.category IS DISTINCT FROM l.category AND b.fund_fen <> 0)
)
SELECT l.*, b.person_id AS book_person_id, b.month AS book_month, b.county AS book_county,
       b.category AS book_category, b.cost_fen AS book_cost_fen, b.fund_fen AS book_fund_fen,
       b.person_fen AS book_person_fen
FROM open JOIN line l USING (id) LEFT JOIN book b ON b.line_id = l.id
ORDER BY l.person_id, l.at, l.id, b.month, b.county, b.category
""")
_FIRST_PAYMENTS = text("""
WITH w AS (
    SELECT * FROM unnest(CAST(:persons AS uuid[]), CAST(:months AS text[]), CAST(:kinds AS text[]))
        AS w (person_id, month, kind)
), record AS (
    SELECT person_id, person_id AS record_id, month, kind FROM w
    UNION SELECT w.person_id, m.person_id, w.month, w.kind FROM w JOIN merged_person m ON m.survivor_id = w.person_id
)
SELECT DISTINCT ON (r.person_id, r.month, r.kind) r.person_id, r.month, r.kind, p.id
FROM record r
JOIN payment p ON p.organization_id = :organization_id AND p.person_id = r.record_id
    AND (p.month, p.kind) = (r.month, r.kind)
JOIN statement s ON s.id = p.statement_id AND s.status <> ALL (CAST(:free AS text[]))
ORDER BY r.person_id, r.month, r.kind, s.entered_at, s.id, p.id
""")
_CLAUSES = text("""
SELECT f->>'code' AS code, f->>'clause' AS clause, f->>'parameter' AS parameter, f->>'status' AS status,
       count(*) AS lines
FROM statement_line l CROSS JOIN jsonb_array_elements(l.findings) AS f
WHERE l.statement_id = :statement_id GROUP BY 1, 2, 3, 4 ORDER BY 2, 1
""")


async def organisation(connection: AsyncConnection, *, organization_id: UUID, scope: Scope) -> Found | None:
    """Where an organisation belongs (pool, county, name), as its latest agreement says; None out of scope."""
    where = within(scope, region=agreement.c.county, organisation=agreement.c.organization_id)
    return (
        await connection.execute(
            select(agreement.c.organization_id, agreement.c.pool, agreement.c.county, agreement.c.name)
            .where(agreement.c.organization_id == organization_id, where)
            .order_by(agreement.c.start.desc(), agreement.c.agreement_id.desc())
            .limit(1)
        )
    ).one_or_none()


async def standing(connection: AsyncConnection, *, organization_id: UUID, month: str) -> Found | None:
    """The statement of an organisation and month that still holds something."""
    return (
        await connection.execute(
            _STATEMENTS.where(
                statement.c.organization_id == organization_id,
                statement.c.month == month,
                statement.c.status.not_in(FREE),
            )
        )
    ).one_or_none()


async def last_month(connection: AsyncConnection, organization_id: UUID) -> str | None:
    """The latest month that a statement of the organisation holds."""
    held = (statement.c.organization_id == organization_id, statement.c.status.not_in(FREE))
    month: str | None = await connection.scalar(select(func.max(statement.c.month)).where(*held))
    return month


async def open_lines(connection: AsyncConnection, *, organization_id: UUID, month: str) -> Sequence[Found]:
    """What is still to be settled up to a month: a row for each line and each book that holds money of it."""
    asked = {"organization_id": organization_id, "month": month, "free": list(FREE)}
    return (await connection.execute(_OPEN, asked)).all()


async def first_payments(
    connection: AsyncConnection, *, organization_id: UUID, of: Iterable[tuple[UUID, str, str]]
) -> dict[tuple[UUID, str, str], UUID]:
    """The first payment of each of these persons, months and kinds at the organisation."""
    wanted = sorted(set(of))
    rows = await connection.execute(
        _FIRST_PAYMENTS,
        {
            "organization_id": organization_id,
            "persons": [person for person, _, _ in wanted],
            "months": [month for _, month, _ in wanted],
            "kinds": [kind for *_, kind in wanted],
            "free": list(FREE),
        },
    )
    return {(row.person_id, row.month, row.kind): row.id for row in rows}


async def add(
    connection: AsyncConnection,
    *,
    head: Mapping[str, Any],
    payments: Sequence[Mapping[str, Any]],
    lines: Sequence[Mapping[str, Any]],
) -> None:
    await insert_rows(connection, statement, [head])
    await insert_rows(connection, payment, payments)
    await insert_rows(connection, statement_line, lines)


async def one(connection: AsyncConnection, *, statement_id: UUID, scope: Scope, locked: bool = False) -> Found | None:
    """A statement in scope, locked until the transaction ends where it is to be changed."""
    where = within(scope, region=statement.c.county, organisation=statement.c.organization_id)
    asked = _STATEMENTS.where(statement.c.id == statement_id, where)
    return (await connection.execute(asked.with_for_update(of=statement) if locked else asked)).one_or_none()


async def some(
    connection: AsyncConnection,
    *,
    scope: Scope,
    pool: str | None = None,
    month: str | None = None,
    organization_id: UUID | None = None,
    status: str | None = None,
    budget: str | None = None,
    after: UUID | None = None,
    rows_max: int,
) -> Sequence[Found]:
    """Statements in scope, newest first; `budget` tells approved ones apart by how they stand before it."""
    asked = {"pool": pool, "month": month, "organization_id": organization_id, "status": status}
    where = [statement.c[name] == value for name, value in asked.items() if value is not None]
    if budget is not None:
        where += [statement.c.status == "approved", func.coalesce(budget_answer.c.state, "asked") == budget]
    if after is not None:
        where.append(statement.c.id < after)
    where.append(within(scope, region=statement.c.county, organisation=statement.c.organization_id))
    query = _STATEMENTS.where(*where).order_by(statement.c.id.desc()).limit(rows_max)
    return (await connection.execute(query)).all()


async def earlier_open(connection: AsyncConnection, head: Found) -> UUID | None:
    """A statement of the same organisation that was closed before this one and is not approved or rejected yet."""
    return await connection.scalar(
        select(statement.c.id)
        .where(
            statement.c.organization_id == head.organization_id,
            statement.c.status.in_(("entered", "reviewed")),
            statement.c.id < head.id,
        )
        .order_by(statement.c.id)
        .limit(1)
    )


async def later(connection: AsyncConnection, head: Found) -> UUID | None:
    """A statement of the same organisation that was closed after this one and holds differences to it."""
    return await connection.scalar(
        select(statement.c.id)
        .where(
            statement.c.organization_id == head.organization_id,
            statement.c.status.not_in(FREE),
            statement.c.id > head.id,
        )
        .order_by(statement.c.id.desc())
        .limit(1)
    )


async def approved(connection: AsyncConnection, organization_id: UUID, *, locked: bool = False) -> Sequence[Found]:
    """What waits for payment at an organisation, oldest first; locked where it is to be paid."""
    waits = (statement.c.organization_id == organization_id, statement.c.status == "approved")
    asked = _STATEMENTS.where(*waits).order_by(statement.c.id)
    return (await connection.execute(asked.with_for_update(of=statement) if locked else asked)).all()


async def listed(
    connection: AsyncConnection, statement_ids: Sequence[UUID], *, organization_id: UUID, scope: Scope | None = None
) -> Sequence[Found]:
    """Those of these statements that are the organisation's, and in scope where one is given, oldest first, locked."""
    where = [statement.c.id.in_(statement_ids), statement.c.organization_id == organization_id]
    if scope is not None:
        where.append(within(scope, region=statement.c.county, organisation=statement.c.organization_id))
    asked = _STATEMENTS.where(*where).order_by(statement.c.id).with_for_update(of=statement)
    return (await connection.execute(asked)).all()


async def of_transfer(connection: AsyncConnection, transfer_id: UUID) -> Sequence[Found]:
    """The statements that one transfer settled, oldest first, locked."""
    return (
        await connection.execute(
            _STATEMENTS.where(statement.c.transfer_id == transfer_id)
            .order_by(statement.c.id)
            .with_for_update(of=statement)
        )
    ).all()


async def parts(connection: AsyncConnection, statement_ids: Sequence[UUID]) -> Sequence[Found]:
    """What each statement's payments ask of the fund, by county, category and kind, and how many they are."""
    keys = (payment.c.statement_id, payment.c.county, payment.c.category, payment.c.kind)
    moving = func.count().label("payments")
    return (
        await connection.execute(
            select(*keys, func.sum(payment.c.fund_fen).label("fund_fen"), moving)
            .where(payment.c.statement_id.in_(statement_ids), payment.c.fund_fen != 0)
            .group_by(*keys)
            .order_by(*keys)
        )
    ).all()


async def change(connection: AsyncConnection, statement_ids: Sequence[UUID], **values: Any) -> None:
    await connection.execute(update(statement).where(statement.c.id.in_(statement_ids)).values(**values))


async def payments(
    connection: AsyncConnection,
    statement_ids: Sequence[UUID],
    *,
    after: UUID | None = None,
    rows_max: int | None = None,
) -> Sequence[Found]:
    """The payments of statements, in order of statement and id."""
    query = select(payment).where(payment.c.statement_id.in_(statement_ids))
    if after is not None:
        query = query.where(payment.c.id > after)
    return (await connection.execute(query.order_by(payment.c.statement_id, payment.c.id).limit(rows_max))).all()


async def lines(connection: AsyncConnection, payment_ids: Sequence[UUID]) -> Sequence[Found]:
    """What these payments are made of, in order of time."""
    return (
        await connection.execute(
            select(statement_line)
            .where(statement_line.c.payment_id.in_(payment_ids))
            .order_by(statement_line.c.at, statement_line.c.line_id)
        )
    ).all()


async def clauses(connection: AsyncConnection, statement_id: UUID) -> Sequence[Found]:
    """The clauses that a statement's lines rest on, each with the number of its lines."""
    return (await connection.execute(_CLAUSES, {"statement_id": statement_id})).all()
