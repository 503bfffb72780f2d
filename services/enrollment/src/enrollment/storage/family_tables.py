"""Who stands in for whom: a minor's guardian, and the relative whose medical account pays."""

from sqlalchemy import CheckConstraint, Column, Date, Index, PrimaryKeyConstraint, Table, Text, Uuid, text

from enrollment.storage.tables import METADATA

# A guardian is named for a person, and a later one takes the place of an earlier from a day on.
guardian = Table(
    "guardian",
    METADATA,
    Column("person_id", Uuid, nullable=False),
    Column("since", Date, nullable=False),
    Column("guardian_id", Uuid, nullable=False),
    Column("relation", Text),
    PrimaryKeyConstraint("person_id", "since"),
    CheckConstraint("guardian_id <> person_id", name="another_person"),
)
Index("ix_guardian_guardian_id", guardian.c.guardian_id)

family_account = Table(
    "family_account",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("holder_id", Uuid, nullable=False),
    Column("relation", Text, nullable=False),
    Column("clause", Text, nullable=False),
    Column("consented_on", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("revoked_on", Date),
    CheckConstraint("holder_id <> person_id", name="another_person"),
    CheckConstraint("revoked_on >= consented_on", name="in_order"),
)
Index("ix_family_account_holder_id", family_account.c.holder_id)
Index("ix_family_account_person_id", family_account.c.person_id)
Index(
    "ix_family_account_in_force",
    family_account.c.person_id,
    unique=True,
    postgresql_where=text("revoked_on IS NULL"),
)
