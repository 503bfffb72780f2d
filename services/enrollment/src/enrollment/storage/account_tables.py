"""What became of a due afterwards: differences found later, what each person paid, what was paid back.

A due and a receipt are never changed; these tables only add to them. Persons and dues stand in
partitions by pool, so their ids are kept here without a foreign key.
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

from enrollment.storage.tables import METADATA, contribution_run, receipt

correction = Table(
    "correction",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("reason", Text, nullable=False),
    Column("corrected_by", Text, nullable=False),
    Column("corrected_at", DateTime(timezone=True), nullable=False),
    Column("persons", Integer, nullable=False),
    Column("raised_fen", BigInteger, nullable=False),
    Column("lowered_fen", BigInteger, nullable=False),
    CheckConstraint("raised_fen >= 0 AND lowered_fen >= 0", name="not_negative"),
)
Index("ix_correction_run_id", correction.c.run_id)

# An additional due (above zero) or a credit (below) of one payer, with what it rests on.
difference = Table(
    "difference",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("correction_id", Uuid, ForeignKey(correction.c.id), nullable=False),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("base_fen", BigInteger),
    Column("clause", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("readings", JSONB, nullable=False),
    Column("pack_version", Text, nullable=False),
    UniqueConstraint("correction_id", "person_id", "category", "payer"),
    CheckConstraint("fen <> 0", name="not_zero"),
)
Index("ix_difference_run_id_person_id", difference.c.run_id, difference.c.person_id)
Index("ix_difference_person_id", difference.c.person_id)

# Whose money a receipt was, where that is known.
person_receipt = Table(
    "person_receipt",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("receipt_id", Uuid, ForeignKey(receipt.c.id), nullable=False),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
)
Index("ix_person_receipt_run_id_person_id", person_receipt.c.run_id, person_receipt.c.person_id)
Index("ix_person_receipt_person_id", person_receipt.c.person_id)

refund = Table(
    "refund",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("refunded_on", Date),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("approved_by <> entered_by", name="approved_by_another"),
    CheckConstraint("(approved_by IS NULL) = (refunded_on IS NULL)", name="paid_when_approved"),
)
Index("ix_refund_run_id_person_id", refund.c.run_id, refund.c.person_id)
Index("ix_refund_person_id", refund.c.person_id)
