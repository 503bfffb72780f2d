"""Withholding batches and their items: nobody is asked twice for the same money at a time."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from enrollment.storage.tables import METADATA, contribution_run

withholding_batch = Table(
    "withholding_batch",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("pool", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)

withholding_item = Table(
    "withholding_item",
    METADATA,
    Column("batch_id", Uuid, ForeignKey(withholding_batch.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("reason", Text),
    PrimaryKeyConstraint("batch_id", "number"),
    CheckConstraint("amount_fen > 0 AND paid_fen BETWEEN 0 AND amount_fen", name="paid_within_asked"),
    CheckConstraint("status IN ('sent', 'paid', 'part', 'failed')", name="status_known"),
)
Index(
    "ix_withholding_item_sent",
    withholding_item.c.run_id,
    withholding_item.c.person_id,
    withholding_item.c.county,
    withholding_item.c.category,
    withholding_item.c.payer,
    unique=True,
    postgresql_where=text("status = 'sent'"),
)
