"""What is taken out goes into its versions, with the reason; the database's triggers see to it."""

from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.tables import contribution_base, coverage

_GIVE_REASON = text("SELECT set_config('changhu.reason', :reason, true)")


async def give_reason(connection: AsyncConnection, reason: str) -> None:
    """Keep a reason beside every version that this transaction makes from here on."""
    await connection.execute(_GIVE_REASON, {"reason": reason})


async def take_out_coverage(connection: AsyncConnection, coverage_id: UUID) -> None:
    """Take out a coverage with its bases."""
    await connection.execute(delete(contribution_base).where(contribution_base.c.coverage_id == coverage_id))
    await connection.execute(delete(coverage).where(coverage.c.id == coverage_id))
