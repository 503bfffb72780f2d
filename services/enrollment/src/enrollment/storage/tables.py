"""Enrollment's tables. The database itself refuses a second coverage on one day and money beyond what is due.

Name, resident number and phone are ciphertext; the keyed index alone finds a person by number.
"""

from datetime import datetime

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
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA = new_metadata()
SPINE = add_spine(METADATA)
supplied_value = add_supplied_values(METADATA)


def recorded() -> Column[datetime]:
    """When we learned what the row says; None for what came with a pool's first load."""
    return Column("recorded_at", DateTime(timezone=True), server_default=text("recorded_now()"))


# What a row said before it was changed or taken out, kept by triggers whoever changes it; it is only added to.
version = Table(
    "version",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("recorded_at", DateTime(timezone=True)),
    Column("replaced_at", DateTime(timezone=True), nullable=False),
    Column("state", JSONB, nullable=False),
    Column("reason", Text),
)
Index("ix_version_owner_id", version.c.owner_id)

# Person and coverage are partitioned by pool: a pool's first load fills tables that nobody reads yet, and a pool
# without a partition of its own stands in the default one. What else names a person or a coverage does so without
# a foreign key, which would need the pool; a trigger proves each statement's rows at once.
person = Table(
    "person",
    METADATA,
    Column("id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("resident_number", LargeBinary, nullable=False),
    Column("resident_number_index", LargeBinary, nullable=False),
    # Digest of number and name together: a file's row is compared without opening the name.
    Column("identity_index", LargeBinary),
    Column("phone", LargeBinary),
    Column("marks", JSONB, nullable=False),
    Column("family_account", Boolean, nullable=False),
    Column("died_on", Date),
    # Counts what is told to the other services; a base or a mark is not.
    Column("revision", Integer, nullable=False),
    recorded(),
    PrimaryKeyConstraint("id", "pool"),
    UniqueConstraint("pool", "resident_number_index"),
)

# Who moved within the pool (县区变更): until the day before `since` the person was of `from_county`.
county_move = Table(
    "county_move",
    METADATA,
    Column("person_id", Uuid, nullable=False),
    Column("since", Date, nullable=False),
    Column("from_county", Text, nullable=False),
    recorded(),
    PrimaryKeyConstraint("person_id", "since"),
)

# One category a day for each person: an exclusion constraint over person and days.
coverage = Table(
    "coverage",
    METADATA,
    Column("id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("category", Text, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    # Months insured in another pool right before; None as 0.
    Column("recognised_months", Integer),
    # The first day on which the person is too old for the category, once that was found out.
    Column("of_age_on", Date),
    # The person's only coverage since a first load, outside the exclusion constraint until another one comes.
    Column("alone", Boolean, nullable=False, server_default="false"),
    recorded(),
    PrimaryKeyConstraint("id", "pool"),
    CheckConstraint("recognised_months BETWEEN 0 AND 1200", name="recognised_months_possible"),
    CheckConstraint('"end" >= start', name="in_order"),
)
Index("ix_coverage_person_id", coverage.c.person_id)
# Of all categories this one is for the young: only its people are looked through day by day.
Index("ix_coverage_of_age_on", coverage.c.of_age_on, postgresql_where=text("category = 'minor'"))

# By which rules it was found out who is too old when; others than the pack's of today, and it is found out anew.
age_rule = Table(
    "age_rule",
    METADATA,
    Column("pool", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("said", JSONB, nullable=False),
    PrimaryKeyConstraint("pool", "category"),
)

# The base holds from its month on, until another one does.
contribution_base = Table(
    "contribution_base",
    METADATA,
    Column("coverage_id", Uuid, nullable=False),
    Column("since", Date, nullable=False),
    Column("base_fen", BigInteger, nullable=False),
    recorded(),
    PrimaryKeyConstraint("coverage_id", "since"),
    CheckConstraint("base_fen >= 0", name="not_negative"),
    CheckConstraint("EXTRACT(day FROM since) = 1", name="since_a_month"),
)

# Here too no two on one day: an exclusion constraint.
suspension = Table(
    "suspension",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("reason", Text, nullable=False),
    # The run whose arrears suspended; paying it ends the suspension.
    Column("run_id", Uuid),
    recorded(),
    CheckConstraint('"end" >= start', name="in_order"),
)
Index(
    "ix_suspension_run_id",
    suspension.c.run_id,
    suspension.c.person_id,
    postgresql_where=suspension.c.run_id.is_not(None),
)


def _circumstance(name: str, metadata: MetaData) -> Table:
    """Days that matter to what the fund pays, told under an id and a revision of their own."""
    table = Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("person_id", Uuid, nullable=False),
        Column("kind", Text),
        Column("start", Date, nullable=False),
        Column("end", Date),
        Column("reference", Text, nullable=False),
        Column("void_reason", Text),
        Column("revision", Integer, nullable=False),
        recorded(),
        CheckConstraint('"end" >= start', name="in_order"),
    )
    Index(f"ix_{name}_person_id", table.c.person_id)
    return table


other_benefit = _circumstance("other_benefit", METADATA)
hospital_stay = _circumstance("hospital_stay", METADATA)
hardship = _circumstance("hardship", METADATA)

person_import = Table(
    "person_import",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("region", Text, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    Column("choice", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("loaded", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("form", Text, nullable=False),
    # waiting, done, refused: the file waits in `import_part` until it was worked off.
    Column("status", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("scope", JSONB, nullable=False),
    Column("checked", Integer, nullable=False),
    Column("written", Integer, nullable=False),
    Column("refusal", JSONB),
)
Index("ix_person_import_waiting", person_import.c.id, postgresql_where=text("status = 'waiting'"))

# A file that is still to be worked off, in sealed pieces.
import_part = Table(
    "import_part",
    METADATA,
    Column("import_id", Uuid, ForeignKey(person_import.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("import_id", "number"),
)

# A bad row is kept for the error file, its cells as one ciphertext.
rejected_row = Table(
    "rejected_row",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("import_id", Uuid, ForeignKey(person_import.c.id), nullable=False),
    Column("line", Integer, nullable=False),
    Column("cells", LargeBinary, nullable=False),
    Column("errors", JSONB, nullable=False),
)
Index("ix_rejected_row_import_id_line", rejected_row.c.import_id, rejected_row.c.line)

contribution_run = Table(
    "contribution_run",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("persons", Integer, nullable=False),
    Column("due_fen", BigInteger, nullable=False),
    UniqueConstraint("pool", "month"),
)

# A rule as it was applied, once for everybody who was counted by it: with the base it gives each part and its reason.
due_rule = Table(
    "due_rule",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pack_version", Text, nullable=False),
    Column("rule", JSONB, nullable=False),
)

# What each person owes for a period, once; a month's run may find that the year is already due. A trigger proves that
# the persons, the run and the rules of a statement's dues exist: a foreign key would ask for each due by itself.
due = Table(
    "due",
    METADATA,
    Column("person_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("base_fen", BigInteger),
    Column("due_fen", BigInteger, nullable=False),
    # Payer and fen of each part; why, the rule says, or (in the oldest rows) the part itself.
    Column("parts", JSONB, nullable=False),
    Column("rule_id", Uuid),
    Column("pack_version", Text),
    PrimaryKeyConstraint("person_id", "period"),
    CheckConstraint("due_fen >= 0", name="not_negative"),
)
# Both columns: who is in a run yet is asked for each person, before anything is known of how many there are.
Index("ix_due_run_id_person_id", due.c.run_id, due.c.person_id)

run_total = Table(
    "run_total",
    METADATA,
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("due_fen", BigInteger, nullable=False),
    Column("received_fen", BigInteger, nullable=False),
    # Differences found later, up and down, and what was paid back: all of them only grow.
    Column("raised_fen", BigInteger, nullable=False, server_default="0"),
    Column("lowered_fen", BigInteger, nullable=False, server_default="0"),
    Column("refunded_fen", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("run_id", "county", "category", "payer"),
    CheckConstraint("received_fen BETWEEN 0 AND due_fen + raised_fen", name="received_within_due"),
    CheckConstraint("lowered_fen BETWEEN 0 AND due_fen + raised_fen", name="lowered_within_due"),
    CheckConstraint("refunded_fen BETWEEN 0 AND received_fen", name="refunded_within_received"),
)

receipt = Table(
    "receipt",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("run_id", Uuid, ForeignKey(contribution_run.c.id), nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("reference", Text, nullable=False),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
)
Index("ix_receipt_run_id", receipt.c.run_id)

startup_money = Table(
    "startup_money",
    METADATA,
    Column("pool", Text, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("reference", Text, nullable=False),
)

policy_value = Table(
    "policy_value",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("parameter", Text, nullable=False),
    Column("qualifiers", JSONB, nullable=False),
    Column("value", JSONB, nullable=False),
    Column("start", Date, nullable=False),
    Column("end", Date),
    Column("source", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("approved_at", DateTime(timezone=True)),
    Column("withdrawn_by", Text),
    Column("withdrawn_at", DateTime(timezone=True)),
    Column("withdrawal_reason", Text),
    CheckConstraint("approved_by <> entered_by", name="approved_by_another"),
    CheckConstraint("approved_by IS NULL OR withdrawn_by IS NULL", name="approved_or_withdrawn"),
)
Index("ix_policy_value_pool", policy_value.c.pool)
