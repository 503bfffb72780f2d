"""Who came from another pool or left for one, with the months that were insured before."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Integer, Table, Text, Uuid

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
