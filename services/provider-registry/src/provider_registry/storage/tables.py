"""The registry's tables. The database itself refuses overlapping agreements, staff, prices and visits."""

from changhu_common.merged_persons import MergedPersons, add_merged_persons
from changhu_common.spine import add_spine, new_metadata
from sqlalchemy import (
    BigInteger,
    Boolean,
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
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = new_metadata()
SPINE = add_spine(METADATA)
MERGED = MergedPersons(add_merged_persons(METADATA))

MOMENT = DateTime(timezone=True)

organization = Table(
    "organization",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uscc", Text),
    Column("price_revision", Integer, nullable=False, server_default="0"),
    Column("registered_at", MOMENT, nullable=False),
)
# One legal entity may be entered once a pool and kind.
Index(
    "ix_organization_uscc",
    organization.c.pool,
    organization.c.kind,
    organization.c.uscc,
    unique=True,
    postgresql_where=text("uscc IS NOT NULL"),
)

agreement = Table(
    "agreement",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, ForeignKey("organization.id"), nullable=False, index=True),
    Column("modes", ARRAY(Text), nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("suspensions", JSONB, nullable=False, server_default="[]"),
    Column("status", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("decided_by", Text),
    CheckConstraint('"end" >= start', name="ends_after_start"),
    CheckConstraint("decided_by <> entered_by OR status <> 'approved'", name="posts_separated"),
)

staff = Table(
    "staff",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, ForeignKey("organization.id"), nullable=False, index=True),
    Column("name", LargeBinary, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("account", Text, nullable=False),
    Column("person_id", Uuid),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("revision", Integer, nullable=False),
    CheckConstraint('"end" >= start', name="ends_after_start"),
)

price = Table(
    "price",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, ForeignKey("organization.id"), nullable=False, index=True),
    Column("item", Text, nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    CheckConstraint("price_fen > 0", name="price_positive"),
    CheckConstraint('"end" >= start', name="ends_after_start"),
)

care_plan = Table(
    "care_plan",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, ForeignKey("organization.id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("mode", Text, nullable=False),
    Column("items", ARRAY(Text), nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("status", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", MOMENT),
    Column("signed_document", Text),
    CheckConstraint('"end" >= start', name="ends_after_start"),
)
Index("ix_care_plan_person", care_plan.c.person_id, care_plan.c.organization_id)
Index("ix_care_plan_organization", care_plan.c.organization_id, care_plan.c.id)

# No foreign keys: a visit is checked against all of these when it is recorded, and they are never deleted.
visit = Table(
    "visit",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("reference", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("staff_id", Uuid, nullable=False),
    Column("started_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT, nullable=False),
    Column("check_in_place", JSONB, nullable=False),
    Column("check_out_place", JSONB, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("voided", Boolean, nullable=False),
    # Of what was sent first and of what holds now: either of them sent again is nothing new.
    Column("first_digest", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    CheckConstraint("ended_at > started_at", name="ends_after_start"),
)
Index("ix_visit_organization", visit.c.organization_id, visit.c.started_at, visit.c.id)
Index("ix_visit_staff", visit.c.staff_id, visit.c.started_at)

person = Table(
    "person",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("died_on", Date),
    Column("revision", Integer, nullable=False),
)
