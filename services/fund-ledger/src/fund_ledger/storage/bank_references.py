"""Under which reference an entry's money moves at the bank: said by the event that was booked."""

from collections.abc import Mapping
from uuid import UUID

from changhu_common.rows import insert_rows
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.storage.bank_tables import bank_reference


async def keep(connection: AsyncConnection, references: Mapping[UUID, str]) -> None:
    """Keep the references of journals, in one statement; what is known stays."""
    rows = [{"journal_id": journal_id, "reference": each} for journal_id, each in references.items()]
    await insert_rows(connection, bank_reference, rows, then="ON CONFLICT DO NOTHING")
