"""What the fund's budget answered of each statement: the answer with the highest revision, in any order of arrival."""

from collections.abc import Sequence
from typing import Any

from changhu_common.events.budget import BudgetAnswer, BudgetExceeded, BudgetReserved
from changhu_common.rows import insert_rows
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.storage.tables import budget_answer

# What the budget answered of a statement last, beside the statement; None before any answer.
STANDING = (
    budget_answer.c.state.label("budget"),
    budget_answer.c.basis.label("budget_basis"),
    budget_answer.c.warned.label("budget_warned"),
    budget_answer.c.short.label("budget_short"),
)
_NEWER = (
    "ON CONFLICT (statement_id) DO UPDATE SET revision = EXCLUDED.revision, state = EXCLUDED.state,"
    " basis = EXCLUDED.basis, warned = EXCLUDED.warned, short = EXCLUDED.short"
    " WHERE budget_answer.revision < EXCLUDED.revision"
)


async def keep(connection: AsyncConnection, answers: Sequence[BudgetAnswer]) -> None:
    newest: dict[Any, BudgetAnswer] = {}
    for each in sorted(answers, key=lambda answer: answer.revision):
        newest[each.statement_id] = each
    await insert_rows(connection, budget_answer, [_row(newest[key]) for key in sorted(newest)], then=_NEWER)


def _row(answer: BudgetAnswer) -> dict[str, Any]:
    reserved = answer if isinstance(answer, BudgetReserved) else None
    return {
        "statement_id": answer.statement_id,
        "pool": answer.pool,
        "revision": answer.revision,
        "state": answer.TYPE.removeprefix("budget."),
        "basis": reserved.basis if reserved else None,
        "warned": bool(reserved and reserved.warned),
        "short": [each.model_dump() for each in answer.short] if isinstance(answer, BudgetExceeded) else [],
    }
