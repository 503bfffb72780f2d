"""Every service keeps what operators supplied, from the events that told it, and reads its packs with it."""

from collections.abc import Sequence

from changhu_common.database import Transaction
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.rows import insert_rows
from sqlalchemy import Column, Date, DateTime, MetaData, Table, Text, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from changhu_policies.drafts import refuse_draft
from changhu_policies.pack import Pack, load_pack
from changhu_policies.supplied import Supplied


def add_supplied_values(metadata: MetaData) -> Table:
    """Define the table of supplied values (补录参数) in a service's metadata."""
    return Table(
        "supplied_value",
        metadata,
        Column("value_id", Uuid, primary_key=True),
        Column("pool", Text, nullable=False),
        Column("parameter", Text, nullable=False),
        Column("qualifiers", JSONB, nullable=False),
        Column("value", JSONB, nullable=False),
        Column("start", Date, nullable=False),
        Column("end", Date),
        Column("source", Text, nullable=False),
        Column("entered_by", Text, nullable=False),
        Column("approved_by", Text, nullable=False),
        Column("approved_at", DateTime(timezone=True), nullable=False),
    )


class SuppliedValues:
    """The supplied values that a service knows, and the packs that they complete."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, transaction: Transaction, events: Sequence[PolicyValueApproved]) -> None:
        """Keep approved values; an approved value never changes, so a repeat is nothing new."""
        await insert_rows(
            transaction.connection,
            self._table,
            [event.model_dump() for event in events],
            then="ON CONFLICT (value_id) DO NOTHING",
        )

    async def load(self, connection: AsyncConnection, pool: str) -> Supplied:
        """What was supplied for a pool, in order of approval."""
        table = self._table
        rows = await connection.execute(
            select(table).where(table.c.pool == pool).order_by(table.c.approved_at, table.c.value_id)
        )
        return Supplied.from_records(
            {
                "pool": row.pool,
                "parameter": row.parameter,
                "qualifiers": row.qualifiers,
                "value": row.value,
                "from": row.start,
                "to": row.end,
                "source": row.source,
                "entered_by": row.entered_by,
                "approved_by": row.approved_by,
            }
            for row in rows
        )

    async def pack(self, connection: AsyncConnection, pool: str) -> Pack:
        """The pool's pack with everything supplied so far; a draft only where the deployment runs it."""
        refuse_draft(pool)
        return load_pack(pool, await self.load(connection, pool))
