"""A month is closed on what is known: over by the clock, nothing on its way, nothing undecided.

The statement holds the exact difference between what each line comes to and what the organisation's
other statements hold, so together they always hold what the facts come to. A month that is closed
after a later one (its transfer came back) reaches as far as the later one: nothing of it is taken back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import PaymentKind
from changhu_common.ids import named_id, new_id
from changhu_common.periods import Month, day_of
from changhu_common.roles import Caller
from sqlalchemy import func, select

from settlement.domain.differences import NOTHING, Amounts, Book, differences
from settlement.domain.steps import (
    AlreadyClosed,
    FactsOnTheWay,
    NothingToSettle,
    Undecided,
    refuse_month_not_over,
)
from settlement.storage import accounts, statements
from settlement.storage.statements import Found
from settlement.storage.tables import SUPPLIED
from settlement.usecases.views import StatementView, statement_view

# How far the consumer is behind, topic by topic.
Lag = Callable[[], Awaitable[Mapping[str, int]]]

PROBLEMS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class _Difference:
    """What one line adds to one book."""

    line: Found
    book: Book
    amounts: Amounts


class Closing:
    """Makes statements."""

    def __init__(self, database: Database, lag: Lag) -> None:
        self._database = database
        self._lag = lag

    async def close(self, *, caller: Caller, asked: AskedChange, organization_id: UUID, month: Month) -> StatementView:
        """Close an organisation's month into a statement."""
        lag = await self._lag()  # before the transaction: the bus is over the network
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            home = await statements.organisation(connection, organization_id=organization_id, scope=caller.scope)
            if home is None:
                raise NotFound("没有这个定点机构，或不在您的权限范围内。")
            refuse_month_not_over(month, today=day_of(transaction.now))
            await accounts.hold(connection, [accounts.account_of_statements(organization_id)])
            if known := await statements.standing(connection, organization_id=organization_id, month=str(month)):
                raise AlreadyClosed(f"该机构{month}已有结算单，请直接办理该结算单。", statement_id=str(known.id))
            await _refuse_facts_on_the_way(transaction, lag)
            until = max(str(month), await statements.last_month(connection, organization_id) or "")
            found = await statements.open_lines(connection, organization_id=organization_id, month=until)
            _refuse_undecided(found)
            made = _differences(found, month=until)
            if not made:
                raise NothingToSettle(f"该机构截至{month}没有新的或变化的明细，无需结算。")
            return transaction.answer(await _write(transaction, home=home, month=str(month), made=made))


async def _refuse_facts_on_the_way(transaction: Transaction, lag: Mapping[str, int]) -> None:
    parked = transaction.spine.parked
    parked_events = await transaction.connection.scalar(select(func.count()).select_from(parked)) or 0
    recounts = await accounts.recounts_waiting(transaction.connection)
    if any(lag.values()) or parked_events or recounts:
        raise FactsOnTheWay(
            "仍有数据尚未计入，请稍后重试；有停放的事件时请运维处理后重放。",
            lag=dict(lag),
            parked=parked_events,
            recounts=recounts,
        )


def _refuse_undecided(found: Sequence[Found]) -> None:
    undecided = {row.id: str(row.person_id) for row in found if row.status == "undecided"}
    if undecided:
        persons = sorted(set(undecided.values()))
        raise Undecided(
            f"有{len(undecided)}条明细因政策参数缺失尚未认定，请先补录参数再结算。",
            lines=len(undecided),
            persons=persons[:PROBLEMS_SHOWN_MAX],
        )


def _differences(found: Sequence[Found], *, month: str) -> list[_Difference]:
    made = []
    for _, rows in groupby(found, key=lambda row: row.id):
        of_line = list(rows)
        line = of_line[0]
        added = differences(
            book=Book(line.person_id, line.month, line.county, line.category, _kind(line)),
            now=Amounts(line.cost_fen, line.fund_fen, line.person_fen) if line.month <= month else NOTHING,
            settled={
                Book(row.book_person_id, row.book_month, row.book_county, row.book_category, _kind(line)): Amounts(
                    row.book_cost_fen, row.book_fund_fen, row.book_person_fen
                )
                for row in of_line
                if row.book_person_id is not None
            },
        )
        made += [_Difference(line, book, amounts) for book, amounts in added.items()]
    return made


def _kind(line: Found) -> PaymentKind:
    """What a line's money is for, which never changes."""
    return "assessment" if line.fee_id else "care"


async def _write(transaction: Transaction, *, home: Found, month: str, made: list[_Difference]) -> StatementView:
    connection = transaction.connection
    statement_id = new_id()
    sums: dict[Book, Amounts] = {}
    for each in made:
        sums[each.book] = sums.get(each.book, NOTHING) + each.amounts
    corrects = await statements.first_payments(
        connection, organization_id=home.organization_id, of={(book.person_id, book.month, book.kind) for book in sums}
    )
    pack_version = (await SUPPLIED.pack(connection, home.pool)).version
    payments = [
        {
            "id": _payment_id(statement_id, book),
            "statement_id": statement_id,
            "organization_id": home.organization_id,
            "person_id": book.person_id,
            "month": book.month,
            "county": book.county,
            "category": book.category,
            "kind": book.kind,
            **_fen(amounts),
            "corrects_payment_id": corrects.get((book.person_id, book.month, book.kind)),
            "pack_version": pack_version,
        }
        for book, amounts in sums.items()
    ]
    head = {
        "id": statement_id,
        "organization_id": home.organization_id,
        "pool": home.pool,
        "county": home.county,
        "month": month,
        "status": "entered",
        **_fen(sum(sums.values(), NOTHING)),
        "payments": len(payments),
        "adjustments": sum(each["corrects_payment_id"] is not None for each in payments),
        "pack_version": pack_version,
        "entered_by": transaction.actor.subject,
        "entered_at": transaction.now,
    }
    await statements.add(connection, head=head, payments=payments, lines=[_line(statement_id, each) for each in made])
    shown = {name: head[name] for name in ("organization_id", "month", "cost_fen", "fund_fen", "person_fen")}
    transaction.record(AuditEntry("enter", "statement", statement_id, after=shown))
    row = await statements.standing(connection, organization_id=home.organization_id, month=month)
    assert row is not None
    return statement_view(row)


def _line(statement_id: UUID, each: _Difference) -> dict[str, Any]:
    copied = ("visit_id", "fee_id", "item", "quantity", "price_fen", "at", "mode", "status", "findings")
    return {
        "payment_id": _payment_id(statement_id, each.book),
        "line_id": each.line.id,
        "statement_id": statement_id,
        **_fen(each.amounts),
        **{name: getattr(each.line, name) for name in copied},
    }


def _payment_id(statement_id: UUID, book: Book) -> UUID:
    """One payment for a book: another county, category or kind of a person's month is a payment of its own."""
    category = book.category or ""
    return named_id("settlement.payment", statement_id, book.person_id, book.month, book.county, category, book.kind)


def _fen(amounts: Amounts) -> dict[str, int]:
    return {"cost_fen": amounts.cost_fen, "fund_fen": amounts.fund_fen, "person_fen": amounts.person_fen}
