"""the budget, and what statements hold of it"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

DECIDES = ("version", "status", "decided_by", "decided_at", "rejection_reason")
ANSWERS = (
    "status",
    "basis",
    "short",
    "revision",
    "release_asked_by",
    "release_asked_at",
    "release_reason",
    "let_through_by",
    "let_through_at",
)
COUNTS = ("amount_fen", "payments", "settled_fen", "settled_payments")

# A version is written with its lines and then decided; nothing is added to one that was.
REFUSE_LATE_LINES = """
CREATE FUNCTION refuse_late_budget_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN budget ON budget.id = added.budget_id WHERE budget.status <> 'entered') THEN
        RAISE EXCEPTION 'the budget was decided' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attachment", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'approved') = (version IS NOT NULL)", name=op.f("ck_budget_approved_has_a_version")
        ),
        sa.CheckConstraint("status <> 'approved' OR decided_by <> entered_by", name=op.f("ck_budget_two_people")),
        sa.CheckConstraint("status IN ('entered', 'approved', 'rejected')", name=op.f("ck_budget_status_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget")),
        sa.UniqueConstraint("pool", "year", "version", name=op.f("uq_budget_pool_year_version")),
    )
    op.create_index(
        "uq_budget_draft", "budget", ["pool", "year"], unique=True, postgresql_where=sa.text("status = 'entered'")
    )
    op.create_table(
        "reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("facts_hash", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("short", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("release_asked_by", sa.Text(), nullable=True),
        sa.Column("release_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("let_through_by", sa.Text(), nullable=True),
        sa.Column("let_through_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "coalesce(basis, '') <> 'let_through' OR (let_through_by IS NOT NULL AND release_asked_by IS NOT NULL)",
            name=op.f("ck_reservation_let_through_by_two"),
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'reserved', 'settled', 'released')", name=op.f("ck_reservation_status_known")
        ),
        sa.CheckConstraint("let_through_by <> release_asked_by", name=op.f("ck_reservation_two_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
    )
    op.create_index("ix_reservation_pool_status", "reservation", ["pool", "status", "id"], unique=False)
    op.create_table(
        "reservation_part",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("payments", sa.Integer(), nullable=False),
        sa.Column("settled_fen", sa.BigInteger(), nullable=False),
        sa.Column("settled_payments", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id", "account", "county", "scheme", name=op.f("pk_reservation_part")),
    )
    op.create_table(
        "supplied_value",
        sa.Column("value_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("parameter", sa.Text(), nullable=False),
        sa.Column("qualifiers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("value_id", name=op.f("pk_supplied_value")),
    )
    op.create_table(
        "budget_line",
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_budget_line_not_negative")),
        sa.ForeignKeyConstraint(["budget_id"], ["budget.id"], name=op.f("fk_budget_line_budget_id")),
        sa.PrimaryKeyConstraint("budget_id", "account", "county", "scheme", name=op.f("pk_budget_line")),
    )
    refuse_changes("budget_line")
    op.execute(REFUSE_LATE_LINES)
    op.execute(
        "CREATE TRIGGER in_time AFTER INSERT ON budget_line REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_budget_lines()"
    )
    op.execute(
        "CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON budget"
        " FOR EACH ROW WHEN (OLD.status <> 'entered') EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER ended BEFORE UPDATE OR DELETE ON reservation"
        " FOR EACH ROW WHEN (OLD.status IN ('settled', 'released')) EXECUTE FUNCTION refuse_change()"
    )
    op.execute('GRANT SELECT, INSERT ON budget, budget_line, reservation, reservation_part TO "fund_ledger"')
    op.execute('GRANT SELECT, INSERT ON supplied_value TO "fund_ledger"')
    for table, columns in (("budget", DECIDES), ("reservation", ANSWERS), ("reservation_part", COUNTS)):
        op.execute(f'GRANT UPDATE ({", ".join(columns)}) ON {table} TO "fund_ledger"')


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
