"""What assessment keeps: applications and what came of them, and what other services told of whom it asks about.

The database itself refuses a second open application of a person, a second confirmation by one
account, two grades of a person on one day, and a fee that is owed without an amount.
"""

from changhu_common.merged_persons import MergedPersons, add_merged_persons
from changhu_common.spine import add_spine, new_metadata
from changhu_policies.projection import add_supplied_values
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from assessment.domain.fees import FeeStatus
from assessment.domain.steps import OPEN, State

METADATA = new_metadata()
SPINE = add_spine(METADATA)
supplied_value = add_supplied_values(METADATA)
merged_person = add_merged_persons(METADATA)
MERGED = MergedPersons(merged_person)

MOMENT = DateTime(timezone=True)

person = Table(
    "person",
    METADATA,
    Column("person_id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("coverage", JSONB, nullable=False),
    Column("died_on", Date),
)

agreement = Table(
    "agreement",
    METADATA,
    Column("agreement_id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("suspensions", JSONB, nullable=False),
)
Index("ix_agreement_organization_id", agreement.c.organization_id)

staff = Table(
    "staff",
    METADATA,
    Column("staff_id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("roles", JSONB, nullable=False),
    Column("account", Text, nullable=False),
    Column("person_id", Uuid),
    Column("start", Date, nullable=False),
    Column("end", Date),
)
Index("ix_staff_account", staff.c.account)
Index("ix_staff_person_id", staff.c.person_id)

# Who cares for whom: one row a care plan and one a visit, because either may be taken back.
care = Table(
    "care",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("void", Boolean, nullable=False),
)
Index("ix_care_person_id", care.c.person_id, care.c.organization_id)

application = Table(
    "application",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("disabled_since", Date, nullable=False),
    Column("channel", Text),
    Column("agent", Text),
    Column("relatives", JSONB, nullable=False),
    Column("accepted_on", Date),
    Column("refused_on", Date),
    Column("refusal_reason", Text),
    # The organisation of the round under way, for the scope of its people.
    Column("organization_id", Uuid),
    Column("publicity_start", Date),
    Column("publicity_ends_on", Date),
    CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in State)})", name="state_known"),
    CheckConstraint("publicity_ends_on >= publicity_start", name="publicity_in_order"),
)
Index("ix_application_person_id", application.c.person_id)
Index(
    "ix_application_one_open",
    application.c.person_id,
    unique=True,
    postgresql_where=text(f"state IN ({', '.join(repr(str(state)) for state in State if state in OPEN)})"),
)
Index("ix_application_list", application.c.pool, application.c.state, application.c.id)
Index(
    "ix_application_publicity",
    application.c.publicity_ends_on,
    postgresql_where=text(f"state = '{State.PUBLICITY}'"),
)

assignment = Table(
    "assignment",
    METADATA,
    Column("application_id", Uuid, ForeignKey("application.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    # [{staff_id, account, person_id, expert}]: who was sent, as they were registered on the day.
    Column("members", JSONB, nullable=False),
    Column("assigned_on", Date, nullable=False),
    Column("assigned_by", Text, nullable=False),
    PrimaryKeyConstraint("application_id", "round"),
)

visit = Table(
    "visit",
    METADATA,
    Column("application_id", Uuid, ForeignKey("application.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("visited_at", MOMENT, nullable=False),
    Column("guardian_present", Boolean, nullable=False),
    Column("scale", Text, nullable=False),
    Column("scale_version", Text, nullable=False),
    Column("scores", JSONB, nullable=False),
    Column("totals", JSONB, nullable=False),
    Column("bands", JSONB, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("grade", Integer, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    PrimaryKeyConstraint("application_id", "round"),
)

confirmation = Table(
    "confirmation",
    METADATA,
    Column("application_id", Uuid, ForeignKey("application.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("staff_id", Uuid, nullable=False),
    Column("confirmed_at", MOMENT, nullable=False),
    PrimaryKeyConstraint("application_id", "round", "account"),
)

objection = Table(
    "objection",
    METADATA,
    Column("application_id", Uuid, ForeignKey("application.id"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("objected_by", Text, nullable=False),
    Column("objected_on", Date, nullable=False),
)

conclusion = Table(
    "conclusion",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("application_id", Uuid, ForeignKey("application.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("person_id", Uuid, nullable=False),
    # The merged record of the person that it was concluded for; None for the person's own.
    Column("merged_id", Uuid),
    # The person's first conclusion, second, …: a later one goes before an earlier.
    Column("place", Integer, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scale", Text, nullable=False),
    Column("scale_version", Text, nullable=False),
    Column("grade", Integer, nullable=False),
    # The benefit level of the pack; empty where the grade reaches none.
    Column("level", Text),
    Column("start", Date, nullable=False),
    # The last day in force as things are; a later conclusion may cut it short of `valid_until`.
    Column("end", Date, nullable=False),
    Column("valid_until", Date, nullable=False),
    Column("disabled_since", Date, nullable=False),
    Column("published_on", Date, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("void", Boolean, nullable=False),
    Column("revoked_on", Date),
    Column("revocation_reason", Text),
    CheckConstraint('"end" >= start AND valid_until >= "end"', name="days_in_order"),
    CheckConstraint("revoked_on IS NULL OR void", name="revoked_is_void"),
    UniqueConstraint("application_id", "round"),
    UniqueConstraint("person_id", "place"),
)

# One for each concluded round of an application: what is owed for it, or what it waits for.
fee = Table(
    "fee",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("application_id", Uuid, ForeignKey("application.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("assessed_on", Date, nullable=False),
    Column("status", Text, nullable=False),
    Column("cause", Text),
    Column("fee_fen", BigInteger),
    Column("fund_fen", BigInteger),
    Column("person_fen", BigInteger),
    Column("findings", JSONB, nullable=False),
    Column("problems", JSONB, nullable=False),
    Column("pack_version", Text, nullable=False),
    # That of the event which told of it last, 0 where none did.
    Column("revision", Integer, nullable=False),
    CheckConstraint(f"status IN ({', '.join(repr(str(status)) for status in FeeStatus)})", name="status_known"),
    CheckConstraint(
        f"(status = '{FeeStatus.DUE}') = (num_nonnulls(cause, fee_fen, fund_fen, person_fen) = 4)"
        " AND fee_fen = fund_fen + person_fen",
        name="due_with_its_parts",
    ),
    UniqueConstraint("application_id", "round"),
)
# Persons whose fees are to be decided again. Rows are only added and taken: a second wish while the first is worked off
# stays.
recount = Table(
    "recount",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_id", Uuid, nullable=False),
)
Index("ix_fee_list", fee.c.pool, fee.c.status, fee.c.id)
Index("ix_conclusion_pool_person_id", conclusion.c.pool, conclusion.c.person_id)
