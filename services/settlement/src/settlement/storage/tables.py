"""Settlement's tables: the facts that others told, what they come to, and the statements made of it.

Facts are kept with their revision, voided ones too. Lines and periods can be made again from the
facts; what a statement holds is never changed.
"""

from changhu_common.merged_persons import MergedPersons, add_merged_persons
from changhu_common.spine import add_spine, new_metadata
from changhu_policies.projection import SuppliedValues, add_supplied_values
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
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA = new_metadata()
SPINE = add_spine(METADATA)
SUPPLIED = SuppliedValues(add_supplied_values(METADATA))
merged_person = add_merged_persons(METADATA)
MERGED = MergedPersons(merged_person)


def _days(*, closed: bool = False) -> tuple[Column[object], Column[object]]:
    return Column("start", Date, nullable=False), Column("end", Date, nullable=not closed)


def _whose(*, index: bool = False) -> tuple[Column[object], Column[object]]:
    """The person, and the merged record of the person that it was told of; None where it was told of the person."""
    return Column("person_id", Uuid, nullable=False, index=index), Column("merged_id", Uuid)


def _amounts() -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in ("cost_fen", "fund_fen", "person_fen")]


def _of_a_visit_or_a_fee() -> CheckConstraint:
    return CheckConstraint(
        "(visit_id IS NULL) <> (fee_id IS NULL) AND (visit_id IS NULL) = (mode IS NULL)", name="of_a_visit_or_a_fee"
    )


def _parts_add_up() -> CheckConstraint:
    return CheckConstraint("cost_fen = fund_fen + person_fen", name="parts_add_up")


def _projection(name: str, key: str, *columns: Column[object], metadata: MetaData = METADATA) -> Table:
    """A table of facts: the row with the highest revision that was told."""
    return Table(
        name,
        metadata,
        Column(key, Uuid, primary_key=True),
        Column("pool", Text, nullable=False),
        Column("revision", BigInteger, nullable=False),
        *columns,
    )


person = _projection(
    "person",
    "person_id",
    Column("county", Text, nullable=False),
    Column("coverage", JSONB, nullable=False),
    Column("suspensions", JSONB, nullable=False),
    Column("died_on", Date),
)
hospital_stay = _projection(
    "hospital_stay",
    "stay_id",
    *_whose(index=True),
    *_days(),
    Column("void", Boolean, nullable=False),
)
other_benefit = _projection(
    "other_benefit",
    "benefit_id",
    *_whose(index=True),
    Column("kind", Text, nullable=False),
    *_days(),
    Column("void", Boolean, nullable=False),
)
conclusion = _projection(
    "conclusion",
    "conclusion_id",
    *_whose(index=True),
    Column("scale", Text, nullable=False),
    Column("scale_version", Text, nullable=False),
    Column("grade", Integer, nullable=False),
    *_days(closed=True),
    Column("disabled_since", Date),
    Column("void", Boolean, nullable=False),
)
agreement = _projection(
    "agreement",
    "agreement_id",
    Column("organization_id", Uuid, nullable=False, index=True),
    Column("county", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("modes", JSONB, nullable=False),
    *_days(),
    Column("suspensions", JSONB, nullable=False),
)
price_list = _projection("price_list", "organization_id", Column("prices", JSONB, nullable=False))
service = _projection(
    "service",
    "visit_id",
    *_whose(),
    Column("organization_id", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("items", JSONB, nullable=False),
    Column("void", Boolean, nullable=False),
)
assessment_fee = _projection(
    "assessment_fee",
    "fee_id",
    *_whose(index=True),
    Column("organization_id", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("assessed_on", Date, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("fund_fen", BigInteger, nullable=False),
    Column("person_fen", BigInteger, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("void", Boolean, nullable=False),
)
Index("ix_service_person_id_started_at", service.c.person_id, service.c.started_at)
Index("ix_service_organization_id_person_id", service.c.organization_id, service.c.person_id)
Index("ix_service_pool_person_id", service.c.pool, service.c.person_id)

# What is locked: persons, organisations, pools, the closing of an organisation. It holds nothing else.
account = Table("account", METADATA, Column("id", Uuid, primary_key=True))

# Persons to be counted again. Rows are only added and taken: a second wish while the first is worked off stays.
recount = Table(
    "recount",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_id", Uuid, nullable=False),
)

# One item of a visit, or an assessment fee, whose item is its cause.
line = Table(
    "line",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("visit_id", Uuid),
    Column("fee_id", Uuid),
    Column("item", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_fen", BigInteger),
    Column("person_id", Uuid, nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text),
    Column("month", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("mode", Text),
    # paid, not_paid, undecided (a value of the policy is missing), void (the visit or the item is no more)
    Column("status", Text, nullable=False),
    *_amounts(),
    # What it used of the limit: what comes after it in the period is decided from there.
    Column("used_fen", BigInteger, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("pack_version", Text, nullable=False),
    # A hash of everything above, so that only what really changed is written.
    Column("fingerprint", LargeBinary, nullable=False),
    _parts_add_up(),
    CheckConstraint("status = 'paid' OR fund_fen = 0", name="fund_pays_what_is_paid"),
    _of_a_visit_or_a_fee(),
)
Index("ix_line_person_id_at", line.c.person_id, line.c.at)
Index("ix_line_organization_id_month", line.c.organization_id, line.c.month)

limit_period = Table(
    "limit_period",
    METADATA,
    Column("person_id", Uuid, primary_key=True),
    Column("pool", Text, primary_key=True),
    Column("start", Date, primary_key=True),
    Column("end", Date, nullable=False),
    Column("limit_fen", BigInteger),
    Column("used_fen", BigInteger),
    Column("left_fen", BigInteger),
    Column("pack_version", Text, nullable=False),
    Column("problem", JSONB(none_as_null=True)),
)

statement = Table(
    "statement",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("status", Text, nullable=False),
    *_amounts(),
    Column("payments", Integer, nullable=False),
    Column("adjustments", Integer, nullable=False),
    Column("pack_version", Text, nullable=False),
    *(
        Column(f"{step}_{what}", kind)
        for step in ("entered", "reviewed", "approved", "rejected", "paid", "returned")
        for what, kind in (("by", Text), ("at", DateTime(timezone=True)))
    ),
    Column("rejection_reason", Text),
    # What one transfer settled together bears the same id.
    Column("transfer_id", Uuid, index=True),
    # The recovery that it stands in: it is paid back instead of being offset.
    Column("recovery_id", Uuid, ForeignKey("recovery.id")),
    Column("bank_reference", Text),
    Column("paid_on", Date),
    Column("return_reference", Text),
    Column("returned_on", Date),
    Column("return_reason", Text),
    _parts_add_up(),
    CheckConstraint(
        "(status IN ('paid', 'returned')) = (num_nonnulls(transfer_id, paid_on, bank_reference) = 3)",
        name="paid_with_reference",
    ),
    CheckConstraint(
        "(status IN ('recovering', 'recovered', 'written_off')) = (recovery_id IS NOT NULL)",
        name="recovered_by_decision",
    ),
    CheckConstraint(
        "(status = 'returned') = (num_nonnulls(returned_on, return_reference, return_reason) = 3)",
        name="returned_with_reference",
    ),
)
Index(
    "uq_statement_organization_id_month",
    statement.c.organization_id,
    statement.c.month,
    unique=True,
    postgresql_where=text("status NOT IN ('rejected', 'returned')"),
)
Index("ix_statement_pool_month", statement.c.pool, statement.c.month)

payment = Table(
    "payment",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("statement_id", Uuid, ForeignKey("statement.id"), nullable=False, index=True),
    Column("organization_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("month", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text),
    # What the money is for, as `payment.settled` says it.
    Column("kind", Text, nullable=False, server_default="care"),
    *_amounts(),
    Column("corrects_payment_id", Uuid, ForeignKey("payment.id")),
    Column("pack_version", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _parts_add_up(),
    CheckConstraint("kind IN ('care', 'assessment')", name="kind_known"),
)
Index("ix_payment_organization_id_person_id_month", payment.c.organization_id, payment.c.person_id, payment.c.month)

# What a statement holds of a line: the difference, and what was said of the line when it was closed.
statement_line = Table(
    "statement_line",
    METADATA,
    Column("payment_id", Uuid, ForeignKey("payment.id"), primary_key=True),
    Column("line_id", Uuid, primary_key=True),
    Column("statement_id", Uuid, ForeignKey("statement.id"), nullable=False, index=True),
    Column("visit_id", Uuid),
    Column("fee_id", Uuid),
    Column("item", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_fen", BigInteger),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("mode", Text),
    Column("status", Text, nullable=False),
    *_amounts(),
    Column("findings", JSONB, nullable=False),
    _parts_add_up(),
    _of_a_visit_or_a_fee(),
    CheckConstraint("cost_fen <> 0 OR fund_fen <> 0", name="not_zero"),
)
Index("ix_statement_line_line_id", statement_line.c.line_id)

# What the fund's budget answered of a statement last: reserved, exceeded or released.
budget_answer = _projection(
    "budget_answer",
    "statement_id",
    Column("state", Text, nullable=False),
    Column("basis", Text),
    Column("warned", Boolean, nullable=False),
    Column("short", JSONB, nullable=False),
)
