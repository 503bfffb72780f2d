"""What was withheld of each part of a statement, what was decided of it, and what was drawn.

Deposits and draws are only added; what was drawn of a deposit, and what of it went back with its transfer, is
counted by the database itself, which refuses more of each than was withheld.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from settlement.storage.tables import METADATA

deposit = Table(
    "deposit",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("statement_id", Uuid, ForeignKey("statement.id"), nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    # What the draws come to; written by the database alone.
    Column("drawn_fen", BigInteger, nullable=False, server_default="0"),
    Column("returned_fen", BigInteger, nullable=False, server_default="0"),
    Column("withheld_on", Date, nullable=False),
    Column("year", Integer, nullable=False),
    Column("finding", JSONB, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        "amount_fen > 0 AND drawn_fen BETWEEN 0 AND amount_fen AND returned_fen IN (0, amount_fen)",
        name="never_more_than_withheld",
    ),
    UniqueConstraint("statement_id", "county", "category", "kind"),
)
Index("ix_deposit_organization_id_year", deposit.c.organization_id, deposit.c.year)

deposit_decision = Table(
    "deposit_decision",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False, index=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    *(
        Column(f"{step}_{what}", kind)
        for step in ("entered", "approved", "rejected", "paid")
        for what, kind in (("by", Text), ("at", DateTime(timezone=True)))
    ),
    Column("rejection_reason", Text),
    Column("bank_reference", Text),
    Column("paid_on", Date),
    CheckConstraint("amount_fen > 0", name="something_decided"),
    CheckConstraint("outcome IN ('release', 'forfeiture')", name="outcome_known"),
    CheckConstraint(
        "(status = 'paid') = (paid_on IS NOT NULL AND bank_reference IS NOT NULL)", name="paid_with_reference"
    ),
)

# `cause_id` is the decision, or the transfer that came back, or whatever let something owed be offset. Below zero where
# an approval was taken back, or an owed deposit was made up for by another.
deposit_draw = Table(
    "deposit_draw",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("deposit_id", Uuid, ForeignKey("deposit.id"), nullable=False, index=True),
    Column("cause", Text, nullable=False),
    Column("cause_id", Uuid, nullable=False, index=True),
    Column("amount_fen", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("amount_fen <> 0", name="not_zero"),
    CheckConstraint("cause IN ('release', 'forfeiture', 'return', 'offset')", name="cause_known"),
)
