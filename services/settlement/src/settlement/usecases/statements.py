"""A statement is reviewed, approved and paid, each by another person, and every step happens once.

Each step locks the organisation's statements and then the statement itself, so of two clerks who
press at once the second one finds the step done.

Where an organisation owes (a statement's total is negative), the amount is carried: it is settled in
one transfer with all that is approved for the organisation, as soon as the sum is not negative.
A transfer settles nothing that was approved after its day: the bank could not know of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.settlement import PaymentSettled, StatementApproved, StatementPart, StatementRejected
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from settlement.domain.budget import refuse_unless_reserved
from settlement.domain.differences import NOT_INSURED
from settlement.domain.steps import (
    Doing,
    EarlierStatement,
    LaterStatement,
    Step,
    refuse_other_transfer,
    refuse_strange_day,
    refuse_unless_allowed,
    refuse_wrong_step,
    settled_together,
    transfer_of,
)
from settlement.storage import accounts, statements
from settlement.storage.statements import Found
from settlement.usecases.views import (
    ClauseView,
    PaidView,
    StatementDetail,
    StatementView,
    TransferView,
    budget_of,
    payment_view,
    statement_view,
)
from settlement.usecases.withholding import reckon, withhold

PAYMENTS_PER_PAGE_MAX = 1_000
STATEMENTS_PER_PAGE_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What the bank confirmed: the amount of one transfer, its day and its reference."""

    transfer_fen: int
    paid_on: date
    bank_reference: str


class Statements:
    """The steps of a statement after its entry, and what is asked of statements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def review(self, *, caller: Caller, asked: AskedChange, statement_id: UUID) -> StatementView:
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, statement_id, "review")
            done = {"status": "reviewed", "reviewed_by": caller.subject, "reviewed_at": transaction.now}
            return transaction.answer(await _end(transaction, head, "review", done))

    async def approve(self, *, caller: Caller, asked: AskedChange, statement_id: UUID) -> StatementView:
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, statement_id, "approval")
            if earlier := await statements.earlier_open(transaction.connection, head):
                raise EarlierStatement(
                    "该机构更早的结算单尚未审批或退回，请先办理更早的结算单。", statement_id=str(earlier)
                )
            done = {"status": "approved", "approved_by": caller.subject, "approved_at": transaction.now}
            transaction.emit(StatementApproved(**_decided(transaction, head), parts=await _parts(transaction, head.id)))
            return transaction.answer(await _end(transaction, head, "approval", done))

    async def reject(self, *, caller: Caller, asked: AskedChange, statement_id: UUID, reason: str) -> StatementView:
        """Send a statement back; its lines are free for the next one."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, statement_id, "rejection")
            if later := await statements.later(transaction.connection, head):
                raise LaterStatement("该机构后来的结算单以本单为依据，请先退回后来的结算单。", statement_id=str(later))
            done = {
                "status": "rejected",
                "rejected_by": caller.subject,
                "rejected_at": transaction.now,
                "rejection_reason": reason,
            }
            transaction.emit(StatementRejected(**_decided(transaction, head)))
            return transaction.answer(await _end(transaction, head, "rejection", done))

    async def pay(self, *, caller: Caller, asked: AskedChange, statement_id: UUID, moved: Moved) -> PaidView:
        """Record that the bank paid what the budget has reserved; each payment is told once."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, statement_id, "payment")
            refuse_strange_day(moved.paid_on, today=day_of(transaction.now), field="paid_on")
            waiting = await statements.approved(transaction.connection, head.organization_id, locked=True)
            paid = _settled_with(head, waiting, on=moved.paid_on)
            for each in paid:
                refuse_unless_allowed(_doing("payment", caller, each))
            refuse_unless_reserved({each.id: budget_of(each) for each in paid})
            fund_fen = transfer_of([each.fund_fen for each in paid])
            kept = await reckon(transaction.connection, paid, paid_on=moved.paid_on)
            refuse_other_transfer(moved_fen=moved.transfer_fen, transfer_fen=fund_fen - kept.amount_fen)
            transfer_id = new_id()
            done = {
                "status": "paid",
                "paid_by": caller.subject,
                "paid_at": transaction.now,
                "transfer_id": transfer_id,
                "paid_on": moved.paid_on,
                "bank_reference": moved.bank_reference,
            }
            settled = await self._settle(transaction, paid, done)
            await withhold(
                transaction,
                head,
                kept,
                transfer_id=transfer_id,
                paid_on=moved.paid_on,
                bank_reference=moved.bank_reference,
            )
            return transaction.answer(
                PaidView(
                    statement_id=head.id,
                    status="paid",
                    payments=settled,
                    transfer_id=transfer_id,
                    transfer_fen=moved.transfer_fen,
                    deposit_fen=kept.amount_fen,
                    settled=[each.id for each in paid],
                    bank_reference=moved.bank_reference,
                    paid_on=moved.paid_on,
                )
            )

    @staticmethod
    async def _settle(transaction: Transaction, paid: Sequence[Found], done: dict[str, Any]) -> int:
        heads = {each.id: each for each in paid}
        await statements.change(transaction.connection, list(heads), **done)
        rows = await statements.payments(transaction.connection, list(heads))
        for row in rows:
            head = heads[row.statement_id]
            settled = PaymentSettled(
                payment_id=row.id,
                statement_id=head.id,
                person_id=row.person_id,
                organization_id=row.organization_id,
                pool=head.pool,
                county=row.county,
                category=row.category or NOT_INSURED,
                service_month=row.month,
                fund_fen=row.fund_fen,
                person_fen=row.person_fen,
                cost_fen=row.cost_fen,
                paid_on=done["paid_on"],
                bank_reference=done["bank_reference"],
                corrects_payment_id=row.corrects_payment_id,
                pack_version=row.pack_version,
                kind=row.kind,
            )
            transaction.emit(settled, event_id=named_id("settlement.payment-settled", row.id))
        for head in paid:
            record(transaction, head, "payment", done)
        return len(rows)

    async def transfer(self, *, caller: Caller, statement_id: UUID, today: date) -> TransferView:
        """What the bank has to move for an approved statement today, before it is paid."""
        async with self._database.read() as connection:
            head = await statements.one(connection, statement_id=statement_id, scope=caller.scope)
            if head is None:
                raise _unknown_statement()
            refuse_wrong_step(_doing("payment", caller, head))
            paid = _settled_with(head, await statements.approved(connection, head.organization_id), on=today)
            fund_fen = transfer_of([each.fund_fen for each in paid])
            deposit_fen = (await reckon(connection, paid, paid_on=today)).amount_fen
        return TransferView(
            statement_id=statement_id,
            settles=[each.id for each in paid],
            fund_fen=fund_fen,
            deposit_fen=deposit_fen,
            transfer_fen=fund_fen - deposit_fen,
        )

    async def one(self, *, caller: Caller, statement_id: UUID, after: UUID | None) -> StatementDetail:
        """A statement with a page of its payments and the clauses that its amounts rest on."""
        async with self._database.read() as connection:
            head = await statements.one(connection, statement_id=statement_id, scope=caller.scope)
            if head is None:
                raise _unknown_statement()
            page = await statements.payments(
                connection, [statement_id], after=after, rows_max=PAYMENTS_PER_PAGE_MAX + 1
            )
            shown = page[:PAYMENTS_PER_PAGE_MAX]
            lines: dict[UUID, list[Found]] = {each.id: [] for each in shown}
            for line in await statements.lines(connection, list(lines)):
                lines[line.payment_id].append(line)
            clauses = await statements.clauses(connection, statement_id)
        return StatementDetail(
            statement=statement_view(head),
            payments=[payment_view(each, lines[each.id]) for each in shown],
            adjustments=[each.id for each in shown if each.corrects_payment_id],
            clauses=[ClauseView(**row._asdict()) for row in clauses],
            next=shown[-1].id if len(page) > len(shown) else None,
        )

    async def some(self, *, caller: Caller, **asked: Any) -> list[StatementView]:
        async with self._database.read() as connection:
            rows = await statements.some(connection, scope=caller.scope, rows_max=STATEMENTS_PER_PAGE_MAX, **asked)
        return [statement_view(row) for row in rows]


async def begin(transaction: Transaction, caller: Caller, statement_id: UUID, step: Step) -> Found:
    """Lock the organisation's statements and this one, and refuse a step out of order or out of post."""
    connection = transaction.connection
    seen = await statements.one(connection, statement_id=statement_id, scope=caller.scope)
    if seen is None:
        raise _unknown_statement()
    await accounts.hold(connection, [accounts.account_of_statements(seen.organization_id)])
    head = await statements.one(connection, statement_id=statement_id, scope=caller.scope, locked=True)
    assert head is not None
    refuse_unless_allowed(_doing(step, caller, head))
    return head


def _unknown_statement() -> NotFound:
    return NotFound("没有这张结算单，或不在您的权限范围内。")


def _settled_with(head: Found, waiting: Sequence[Found], *, on: date) -> Sequence[Found]:
    """What a transfer of a day settles: this statement, or all that waited then where one of them is owed back."""
    then = [each for each in waiting if each.id == head.id or day_of(each.approved_at) <= on]
    together = settled_together(head.fund_fen, (each.fund_fen for each in then))
    return then if together else [head]


def _doing(step: Step, caller: Caller, head: Found) -> Doing:
    done_by = (head.entered_by, head.reviewed_by, head.approved_by)
    return Doing(step=step, status=head.status, subject=caller.subject, done_by=done_by)


async def _end(transaction: Transaction, head: Found, step: Step, done: dict[str, Any]) -> StatementView:
    await statements.change(transaction.connection, [head.id], **done)
    record(transaction, head, step, done)
    return statement_view(head, **done)


def record(transaction: Transaction, head: Found, step: Step, done: dict[str, Any]) -> None:
    transaction.record(AuditEntry(step, "statement", head.id, before={"status": head.status}, after=done))


def _decided(transaction: Transaction, head: Found) -> dict[str, Any]:
    copied = ("organization_id", "pool", "month", "fund_fen", "person_fen", "cost_fen")
    decided = {"statement_id": head.id, "decided_on": day_of(transaction.now)}
    return decided | {name: getattr(head, name) for name in copied}


async def _parts(transaction: Transaction, statement_id: UUID) -> tuple[StatementPart, ...]:
    """What the statement asks of the fund's budget."""
    return tuple(
        StatementPart(
            county=row.county,
            category=row.category or NOT_INSURED,
            fund_fen=int(row.fund_fen),
            payments=row.payments,
            kind=row.kind,
        )
        for row in await statements.parts(transaction.connection, [statement_id])
    )
