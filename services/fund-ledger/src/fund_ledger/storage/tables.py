"""The books' tables. The database itself refuses an unbalanced journal and any change to a booked one."""

from changhu_common.spine import add_spine, new_metadata
from sqlalchemy import BigInteger, CheckConstraint, Column, Date, DateTime, Identity, Index, Table, Text, Uuid, func

METADATA = new_metadata()
SPINE = add_spine(METADATA)

journal = Table(
    "journal",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_event_id", Uuid, nullable=False, unique=True),
    Column("happened_on", Date, nullable=False),
    Column("booked_on", Date, nullable=False),
    # The database's own time: lines may only be added in the transaction that wrote their journal.
    Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_journal_pool_happened_on", journal.c.pool, journal.c.happened_on)

# No foreign key to the journal: the balance trigger looks the journals of a statement up once, together.
line = Table(
    "line",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("journal_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scheme", Text),
    Column("payer", Text),
    Column("organization_id", Uuid),
    Column("amount_fen", BigInteger, nullable=False),
    CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
)
Index("ix_line_journal_id", line.c.journal_id)
Index(
    "ix_line_balance",
    line.c.pool,
    line.c.account,
    line.c.happened_on,
    postgresql_include=["amount_fen", "county"],
)
