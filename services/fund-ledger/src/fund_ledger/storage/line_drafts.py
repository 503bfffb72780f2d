"""Which manual journal was drafted from which line of a bank."""

from typing import Any
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.storage.bank_tables import bank_account, bank_line, line_draft
from fund_ledger.storage.tables import draft


async def add(connection: AsyncConnection, *, draft_id: UUID, line_id: UUID) -> None:
    await insert_rows(connection, line_draft, [{"draft_id": draft_id, "line_id": line_id}])


async def origin(connection: AsyncConnection, draft_id: UUID) -> Row[*tuple[Any, ...]] | None:
    """The line that a draft was made from, with the place of its account; None where it was made from none."""
    return (
        await connection.execute(
            select(line_draft.c.line_id, bank_account.c.pool, bank_account.c.account, bank_account.c.county)
            .join(bank_line, bank_line.c.id == line_draft.c.line_id)
            .join(bank_account, bank_account.c.id == bank_line.c.bank_account_id)
            .where(line_draft.c.draft_id == draft_id)
        )
    ).one_or_none()


async def standing(connection: AsyncConnection, line_id: UUID) -> UUID | None:
    """A draft of a line that nobody sent back."""
    found: UUID | None = await connection.scalar(
        select(draft.c.id)
        .join(line_draft, line_draft.c.draft_id == draft.c.id)
        .where(line_draft.c.line_id == line_id, draft.c.status != "rejected")
        .limit(1)
    )
    return found
