"""Two records of one person: who may be the same, what a clerk said of it, and merges with what they did."""

from changhu_common.merged_persons import MergedPersons, add_merged_persons
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from enrollment.storage.tables import METADATA

merged_person = add_merged_persons(METADATA)
MERGED = MergedPersons(merged_person)

# A merge, or the reversal of one: `effect` is what it did, so that a reversal can give it back.
merge = Table(
    "merge",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("survivor_id", Uuid, nullable=False),
    Column("merged_id", Uuid, nullable=False),
    Column("reverses_id", Uuid),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decision_reason", Text),
    Column("effect", JSONB(none_as_null=True)),
    CheckConstraint("survivor_id <> merged_id", name="another_record"),
    CheckConstraint("status IN ('entered', 'approved', 'rejected')", name="status_known"),
    CheckConstraint("(status = 'entered') = (decided_by IS NULL)", name="decided_by_somebody"),
    CheckConstraint("status <> 'approved' OR decided_by <> entered_by", name="approved_by_another"),
)
Index("ix_merge_pool_id", merge.c.pool, merge.c.id)
Index("ix_merge_survivor_id", merge.c.survivor_id)
Index("ix_merge_merged_id", merge.c.merged_id)
Index("ix_merge_waiting", merge.c.merged_id, unique=True, postgresql_where=text("status = 'entered'"))

# What is alike in two records of one person, as keyed digests; `key` is the one that they were made under.
likeness = Table(
    "likeness",
    METADATA,
    Column("person_id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("phone", BigInteger),
)
for each in (likeness.c.born, likeness.c.number, likeness.c.phone):
    Index(f"ix_likeness_{each.name}", each)

# Persons still to be looked at: those of a pool from `first` to `last`. Rows are only added and taken.
likeness_wish = Table(
    "likeness_wish",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("pool", Text, nullable=False),
    Column("first", Uuid, nullable=False),
    Column("last", Uuid, nullable=False),
)

# A pair that a clerk is to look at; once dismissed it stays away.
merge_candidate = Table(
    "merge_candidate",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("other_pool", Text, nullable=False),
    Column("other_id", Uuid, nullable=False),
    Column("signs", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    UniqueConstraint("person_id", "other_id"),
    CheckConstraint("person_id < other_id", name="in_order"),
    CheckConstraint("status IN ('open', 'dismissed')", name="status_known"),
    CheckConstraint("(status = 'open') = (decided_by IS NULL)", name="decided_by_somebody"),
)
Index("ix_merge_candidate_status_id", merge_candidate.c.status, merge_candidate.c.id)
