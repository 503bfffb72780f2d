"""A recovery with what it recovers, part by part, and what came in of each.

Parts and receipts are only added. What came in of a part is counted by the database itself, which
refuses more than the part.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)

from settlement.storage.tables import METADATA

_PART = ("recovery_id", "statement_id", "county", "category", "kind")

recovery = Table(
    "recovery",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False, index=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("due_on", Date),
    *(
        Column(f"{step}_{what}", kind)
        for step in (
            "entered",
            "approved",
            "rejected",
            "cancellation_asked",
            "cancellation_rejected",
            "cancelled",
            "write_off_asked",
            "written_off",
        )
        for what, kind in (("by", Text), ("at", DateTime(timezone=True)))
    ),
    Column("rejection_reason", Text),
    Column("cancellation_reason", Text),
    Column("cancellation_rejection_reason", Text),
    Column("write_off_reason", Text),
    # What was open when it was asked to be written off.
    Column("write_off_fen", BigInteger),
    CheckConstraint("amount_fen > 0", name="something_owed"),
    CheckConstraint(
        "status <> 'written_off' OR coalesce(write_off_fen > 0 AND written_off_by <> write_off_asked_by, false)",
        name="written_off_by_two",
    ),
)

recovery_part = Table(
    "recovery_part",
    METADATA,
    Column("recovery_id", Uuid, ForeignKey("recovery.id"), primary_key=True),
    Column("statement_id", Uuid, ForeignKey("statement.id"), primary_key=True),
    Column("county", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("amount_fen", BigInteger, nullable=False),
    Column("payments", Integer, nullable=False),
    # What the receipts come to; written by the database alone.
    Column("received_fen", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(
        "amount_fen <> 0 AND received_fen BETWEEN least(amount_fen, 0) AND greatest(amount_fen, 0)",
        name="never_more_than_owed",
    ),
)
Index("ix_recovery_part_statement_id", recovery_part.c.statement_id)

recovery_receipt = Table(
    "recovery_receipt",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("recovery_id", Uuid, ForeignKey("recovery.id"), nullable=False, index=True),
    # Below zero for the reversal of another one.
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("bank_reference", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("reverses_id", Uuid, ForeignKey("recovery_receipt.id"), unique=True),
    Column("reversal_reason", Text),
    CheckConstraint("(amount_fen < 0) = (reverses_id IS NOT NULL) AND amount_fen <> 0", name="reversal_below_zero"),
)

recovery_receipt_part = Table(
    "recovery_receipt_part",
    METADATA,
    Column("receipt_id", Uuid, ForeignKey("recovery_receipt.id"), primary_key=True),
    Column("recovery_id", Uuid, nullable=False),
    Column("statement_id", Uuid, primary_key=True),
    Column("county", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("amount_fen", BigInteger, nullable=False),
    ForeignKeyConstraint(_PART, [f"recovery_part.{name}" for name in _PART]),
)
