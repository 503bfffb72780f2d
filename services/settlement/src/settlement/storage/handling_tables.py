"""The tables of what commissioned insurers are paid: a fee for each period, and who bears which part of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from settlement.storage.tables import METADATA

handling_fee = Table(
    "handling_fee",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    # Whose periods never overlap: one insurer's in one pool.
    Column("account_id", Uuid, nullable=False),
    Column("insurer_code", Text, nullable=False),
    Column("insurer_name", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date, nullable=False),
    Column("method", Text, nullable=False),
    Column("rate", Text, nullable=False),
    Column("basis_name", Text),
    Column("basis_source", Text),
    Column("performance", Text),
    Column("deduction", Text),
    # What the period comes to, and what of it this fee moves: less only where it corrects another.
    Column("due_fen", BigInteger, nullable=False),
    Column("fund_fen", BigInteger, nullable=False),
    Column("computation", Text, nullable=False),
    Column("finding", JSONB, nullable=False),
    Column("corrects_id", Uuid, ForeignKey("handling_fee.id")),
    Column("correction_reason", Text),
    Column("pack_version", Text, nullable=False),
    Column("status", Text, nullable=False),
    *(
        Column(f"{step}_{what}", kind)
        for step in ("entered", "reviewed", "approved", "rejected", "paid", "returned")
        for what, kind in (("by", Text), ("at", DateTime(timezone=True)))
    ),
    Column("rejection_reason", Text),
    Column("bank_reference", Text),
    Column("paid_on", Date),
    Column("return_reference", Text),
    Column("returned_on", Date),
    Column("return_reason", Text),
    CheckConstraint("due_fen >= 0", name="due_not_negative"),
    CheckConstraint('start <= "end"', name="period_in_order"),
    CheckConstraint("corrects_id IS NOT NULL OR fund_fen = due_fen", name="only_a_correction_differs"),
    CheckConstraint("(corrects_id IS NULL) = (correction_reason IS NULL)", name="correction_with_reason"),
    CheckConstraint("deduction IS NULL OR performance IS NOT NULL", name="deduction_with_performance"),
    CheckConstraint(
        "(status IN ('paid', 'returned')) = (num_nonnulls(paid_on, bank_reference) = 2)", name="paid_with_reference"
    ),
    CheckConstraint(
        "(status = 'returned') = (num_nonnulls(returned_on, return_reference, return_reason) = 3)",
        name="returned_with_reference",
    ),
    CheckConstraint(
        "reviewed_by <> entered_by AND approved_by NOT IN (entered_by, reviewed_by)"
        " AND paid_by NOT IN (entered_by, reviewed_by, approved_by)",
        name="four_people",
    ),
)
Index("ix_handling_fee_pool", handling_fee.c.pool, handling_fee.c.id)
# A fee is corrected by one other; the next correction corrects that one.
Index(
    "uq_handling_fee_corrects_id",
    handling_fee.c.corrects_id,
    unique=True,
    postgresql_where=text("status NOT IN ('rejected', 'returned')"),
)

# What a county and scheme has of the basis, what it bears of the period, and what of that this fee moves.
handling_fee_part = Table(
    "handling_fee_part",
    METADATA,
    Column("fee_id", Uuid, ForeignKey("handling_fee.id"), primary_key=True),
    Column("county", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("basis", BigInteger),
    Column("due_fen", BigInteger, nullable=False),
    Column("fund_fen", BigInteger, nullable=False),
)
