"""The budget's tables: versions with their lines, which never change, and what statements hold of them."""

from changhu_policies.projection import SuppliedValues, add_supplied_values
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from fund_ledger.storage.tables import METADATA

SUPPLIED = SuppliedValues(add_supplied_values(METADATA))

# A version of a pool's year; it gets its number when it is approved.
budget = Table(
    "budget",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("version", Integer),
    Column("reason", Text, nullable=False),
    Column("attachment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("rejection_reason", Text),
    UniqueConstraint("pool", "year", "version"),
    CheckConstraint("status IN ('entered', 'approved', 'rejected')", name="status_known"),
    CheckConstraint("(status = 'approved') = (version IS NOT NULL)", name="approved_has_a_version"),
    CheckConstraint("status <> 'approved' OR decided_by <> entered_by", name="two_people"),
)
Index("uq_budget_draft", budget.c.pool, budget.c.year, unique=True, postgresql_where=text("status = 'entered'"))

# '' is the whole pool, and every scheme.
budget_line = Table(
    "budget_line",
    METADATA,
    Column("budget_id", Uuid, ForeignKey("budget.id"), nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("budget_id", "account", "county", "scheme"),
    CheckConstraint("amount_fen >= 0", name="not_negative"),
)

# What a statement (its id) asked of the budget and how it stands now; revision 0 was never answered.
reservation = Table(
    "reservation",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("month", Text, nullable=False),
    Column("fund_fen", BigInteger, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("facts_hash", LargeBinary),
    Column("status", Text, nullable=False),
    Column("basis", Text),
    Column("short", JSONB, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("release_asked_by", Text),
    Column("release_asked_at", DateTime(timezone=True)),
    Column("release_reason", Text),
    Column("let_through_by", Text),
    Column("let_through_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('waiting', 'reserved', 'settled', 'released')", name="status_known"),
    CheckConstraint("let_through_by <> release_asked_by", name="two_people"),
    CheckConstraint(
        "coalesce(basis, '') <> 'let_through' OR (let_through_by IS NOT NULL AND release_asked_by IS NOT NULL)",
        name="let_through_by_two",
    ),
)
Index("ix_reservation_pool_status", reservation.c.pool, reservation.c.status, reservation.c.id)

# What it asked at one position, and what its payments have spent there; '' where a position names no scheme.
# `of_year_fen` is what they spent in the last year in whose books any of them stand.
# No foreign key: on a replay payments may be heard before their statement.
reservation_part = Table(
    "reservation_part",
    METADATA,
    Column("statement_id", Uuid, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("payments", Integer, nullable=False),
    Column("settled_fen", BigInteger, nullable=False),
    Column("settled_payments", Integer, nullable=False),
    Column("settled_year", SmallInteger, nullable=False, server_default="0"),
    Column("of_year_fen", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("statement_id", "account", "county", "scheme"),
)
