"""A transfer that the bank sent back is undone as a whole: every payment that it settled is told back, once.

The statements that it had settled stay as they were, marked as returned, and what they held is free:
the month is closed, reviewed, approved and paid anew. Whatever later statements hold stays with them:
the new one holds what they leave, so all of them together still hold what the facts come to. Money
that came back is a fact, so it is recorded whatever was closed since.
"""

from datetime import date
from uuid import UUID

from changhu_common.database import AskedChange, Database
from changhu_common.events.settlement import PaymentReversed
from changhu_common.ids import named_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from settlement.domain.differences import NOT_INSURED
from settlement.domain.steps import refuse_no_return, refuse_strange_day
from settlement.storage import deposits, statements
from settlement.usecases.statements import begin, record
from settlement.usecases.views import ReturnedView
from settlement.usecases.withholding import give_back


class Returns:
    """Returned transfers (退汇)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        statement_id: UUID,
        bank_reference: str,
        returned_on: date,
        reason: str,
    ) -> ReturnedView:
        """Record that the bank sent back the transfer that settled this statement, and others with it."""
        async with self._database.change(asked) as transaction:
            head = await begin(transaction, caller, statement_id, "return")
            refuse_strange_day(returned_on, today=day_of(transaction.now), field="returned_on")
            heads = {each.id: each for each in await statements.of_transfer(transaction.connection, head.transfer_id)}
            kept = await deposits.of_statements(transaction.connection, heads)
            transfer_fen = sum(each.fund_fen for each in heads.values()) - sum(each.amount_fen for each in kept)
            refuse_no_return(transfer_fen=transfer_fen, paid_on=head.paid_on, returned_on=returned_on)
            done = {
                "status": "returned",
                "returned_by": caller.subject,
                "returned_at": transaction.now,
                "returned_on": returned_on,
                "return_reference": bank_reference,
                "return_reason": reason,
            }
            await statements.change(transaction.connection, list(heads), **done)
            rows = await statements.payments(transaction.connection, list(heads))
            for row in rows:
                reversal_id = named_id("settlement.reversal", row.id)
                reversed_ = PaymentReversed(
                    reversal_id=reversal_id,
                    payment_id=row.id,
                    person_id=row.person_id,
                    organization_id=row.organization_id,
                    pool=head.pool,
                    county=row.county,
                    category=row.category or NOT_INSURED,
                    service_month=row.month,
                    fund_fen=row.fund_fen,
                    returned_on=returned_on,
                    bank_reference=bank_reference,
                    kind=row.kind,
                )
                transaction.emit(reversed_, event_id=named_id("settlement.payment-reversed", row.id))
            await give_back(transaction, head, kept, returned_on=returned_on, bank_reference=bank_reference)
            for each in heads.values():
                record(transaction, each, "return", done)
            return transaction.answer(
                ReturnedView(
                    transfer_id=head.transfer_id,
                    payments=len(rows),
                    transfer_fen=transfer_fen,
                    returned=list(heads),
                    bank_reference=bank_reference,
                    returned_on=returned_on,
                    reason=reason,
                )
            )
