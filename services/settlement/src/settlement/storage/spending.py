"""What was really paid for care, summed by what it was paid for."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, Row, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import conclusion, merged_person, payment, statement, statement_line

# The calendar day of a service.
_DAY = cast(func.timezone("Asia/Shanghai", statement_line.c.at), Date)


async def settled(
    connection: AsyncConnection, *, pool: str, since: date, until: date
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The fund's part (fen) by category, scale and grade in force on the day of service, and mode; adjustments too.

    Scale and grade are None where no conclusion holds on that day any more.
    """
    keys = (payment.c.category, conclusion.c.scale, conclusion.c.grade, statement_line.c.mode)
    return (
        await connection.execute(
            select(
                *keys,
                cast(func.sum(statement_line.c.fund_fen), BigInteger).label("fund_fen"),
                func.min(statement.c.paid_on).label("first_paid_on"),
            )
            .select_from(statement)
            .join(payment, payment.c.statement_id == statement.c.id)
            .join(statement_line, statement_line.c.payment_id == payment.c.id)
            .outerjoin(merged_person, merged_person.c.person_id == payment.c.person_id)
            .outerjoin(
                conclusion,
                and_(
                    conclusion.c.person_id == func.coalesce(merged_person.c.survivor_id, payment.c.person_id),
                    conclusion.c.void.is_(False),
                    conclusion.c.start <= _DAY,
                    conclusion.c.end >= _DAY,
                ),
            )
            .where(statement.c.pool == pool, statement.c.status == "paid", payment.c.kind == "care")
            .where(statement.c.paid_on.between(since, until))
            .group_by(*keys)
            .order_by(*keys)
        )
    ).all()
