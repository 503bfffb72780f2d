"""What one pool of this deployment sent is compared with what the other received, each seeing its own person alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.roles import Caller
from changhu_policies import pools
from sqlalchemy import Row

from enrollment.domain.transfer_money import MatchStatus, match_status
from enrollment.storage import transfer_money


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsView:
    """Both ends of one transfer between pools of this deployment (转移资金核对), in fen.

    `transfer_id` is that of the end that sent, or where there is none of the one that received.
    """

    transfer_id: UUID
    from_pool: str
    to_pool: str
    status: MatchStatus
    sent_fen: int
    sent_on: date | None
    received_fen: int
    received_on: date | None
    left_person_id: UUID | None
    arrived_person_id: UUID | None


@dataclass(frozen=True, slots=True)
class EndsPage:
    ends: Sequence[EndsView]
    next: UUID | None


class TransferEnds:
    """Enquiries about both ends of transfers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, *, caller: Caller, pool: str, status: MatchStatus | None, after: UUID | None, limit: int
    ) -> EndsPage:
        """Transfers from and to a pool whose other end stands in this deployment too, both ends side by side."""
        async with self._database.read() as connection:
            rows = await transfer_money.both_ends(
                connection, caller.scope, pool=pool, pools=pools(), status=status, after=after, limit=limit + 1
            )
        views = [_ends(row) for row in rows[:limit]]
        return EndsPage(views, views[-1].transfer_id if len(rows) > limit else None)


def _ends(row: Row[Any]) -> EndsView:
    status = match_status(sent_fen=int(row.sent_fen), received_fen=int(row.received_fen))
    return EndsView(
        status=status, **{**row._asdict(), "sent_fen": int(row.sent_fen), "received_fen": int(row.received_fen)}
    )
