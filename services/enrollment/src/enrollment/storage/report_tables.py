"""What other bureaus reported in bulk, and what of it contradicts what is known until a clerk decides."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from enrollment.storage.tables import METADATA

# Bad rows hold resident numbers: they are kept as one ciphertext, for whoever sent the file.
fact_import = Table(
    "fact_import",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("choice", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("recorded", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("conflicts", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    Column("error_file", LargeBinary),
)

# The same report again is the same conflict, open or decided.
conflict = Table(
    "conflict",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("import_id", Uuid, ForeignKey(fact_import.c.id), nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("clash", Text, nullable=False),
    Column("proposed", JSONB, nullable=False),
    Column("known", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("resolved_by", Text),
    Column("resolved_on", Date),
    UniqueConstraint("person_id", "kind", "proposed"),
    CheckConstraint("status IN ('open', 'accepted', 'rejected')", name="status_known"),
    CheckConstraint("(status = 'open') = (resolved_by IS NULL)", name="resolved_by_somebody"),
)
Index("ix_conflict_pool_id", conflict.c.pool, conflict.c.id)
