"""Who came from another pool or left for one, with the months that were insured before, and the money of it."""

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
    Uuid,
    text,
)

from enrollment.storage.tables import METADATA

transfer = Table(
    "transfer",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("coverage_id", Uuid, nullable=False),
    Column("direction", Text, nullable=False),
    Column("other_pool", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("months", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("direction IN ('in', 'out')", name="direction_known"),
    CheckConstraint("months >= 0", name="months_not_negative"),
)
Index("ix_transfer_person_id", transfer.c.person_id)

# One sum of money of a transfer: decided, approved and paid where the person leaves, received where he comes. A sum
# never changes; what comes back stays where it is and says so.
transfer_money = Table(
    "transfer_money",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("transfer_id", Uuid, ForeignKey(transfer.c.id), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("other_pool", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    # What decided a sum that goes out: clause and status of the rule, and the pack's version.
    Column("rule", Text),
    Column("clause", Text),
    Column("rule_status", Text),
    Column("pack_version", Text),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("withdrawn_by", Text),
    Column("withdrawal_reason", Text),
    Column("settled_by", Text),
    Column("settled_on", Date),
    Column("bank_reference", Text),
    Column("returned_by", Text),
    Column("returned_on", Date),
    Column("return_reference", Text),
    Column("return_reason", Text),
    CheckConstraint("direction IN ('in', 'out')", name="direction_known"),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("(direction = 'out') = (rule IS NOT NULL)", name="decided_by_a_rule"),
    CheckConstraint("approved_by <> entered_by", name="approved_by_another"),
    CheckConstraint(
        "direction = 'in' OR settled_by IS NULL OR (approved_by IS NOT NULL AND settled_by <> approved_by"
        " AND settled_by <> entered_by)",
        name="paid_by_a_third",
    ),
    CheckConstraint(
        "direction = 'out' OR (settled_by IS NOT NULL AND settled_by = entered_by)", name="received_when_entered"
    ),
    CheckConstraint("direction = 'out' OR returned_by <> entered_by", name="sent_back_by_another"),
    CheckConstraint(
        "(settled_by IS NULL) = (settled_on IS NULL) AND (settled_by IS NULL) = (bank_reference IS NULL)",
        name="settled_with_day_and_reference",
    ),
    CheckConstraint("withdrawn_by IS NULL OR settled_by IS NULL", name="withdrawn_or_settled"),
    CheckConstraint("returned_on IS NULL OR returned_on >= settled_on", name="returned_after_settled"),
    CheckConstraint("returned_by IS NULL OR settled_by IS NOT NULL", name="returned_when_settled"),
)
Index("ix_transfer_money_pool_id", transfer_money.c.pool, transfer_money.c.id)
Index("ix_transfer_money_transfer_id", transfer_money.c.transfer_id)
Index("ix_transfer_money_person_id", transfer_money.c.person_id)
Index(
    "uq_transfer_money_waiting",
    transfer_money.c.transfer_id,
    unique=True,
    postgresql_where=text("settled_by IS NULL AND withdrawn_by IS NULL"),
)
Index(
    "uq_transfer_money_reference",
    transfer_money.c.transfer_id,
    transfer_money.c.bank_reference,
    unique=True,
    postgresql_where=text("returned_by IS NULL"),
)
