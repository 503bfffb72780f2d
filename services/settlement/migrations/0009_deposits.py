"""deposits"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What a step writes; what is decided is written once.
STEPS = (
    "status, approved_by, approved_at, rejected_by, rejected_at, rejection_reason, paid_by, paid_at, paid_on,"
    " bank_reference"
)

# It runs as its owner: whoever runs the service may not write what was drawn.
KEEP_DRAWN = """
CREATE FUNCTION keep_drawn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE deposit SET drawn_fen = drawn_fen + fen FROM (
        SELECT deposit_id, sum(amount_fen)::bigint AS fen FROM added GROUP BY deposit_id
    ) AS drawn WHERE deposit_id = id;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "deposit_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by", sa.Text(), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_by", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(status = 'paid') = (paid_on IS NOT NULL AND bank_reference IS NOT NULL)",
            name=op.f("ck_deposit_decision_paid_with_reference"),
        ),
        sa.CheckConstraint("outcome IN ('release', 'forfeiture')", name=op.f("ck_deposit_decision_outcome_known")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deposit_decision_something_decided")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_decision")),
    )
    op.create_index(op.f("ix_deposit_decision_organization_id"), "deposit_decision", ["organization_id"], unique=False)
    op.create_table(
        "deposit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("drawn_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withheld_on", sa.Date(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("finding", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount_fen > 0 AND drawn_fen BETWEEN 0 AND amount_fen", name=op.f("ck_deposit_never_more_than_withheld")
        ),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_deposit_statement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit")),
        sa.UniqueConstraint(
            "statement_id", "county", "category", "kind", name=op.f("uq_deposit_statement_id_county_category_kind")
        ),
    )
    op.create_index("ix_deposit_organization_id_year", "deposit", ["organization_id", "year"], unique=False)
    op.create_table(
        "deposit_draw",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deposit_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cause IN ('release', 'forfeiture', 'return')", name=op.f("ck_deposit_draw_cause_known")),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_deposit_draw_not_zero")),
        sa.ForeignKeyConstraint(["deposit_id"], ["deposit.id"], name=op.f("fk_deposit_draw_deposit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_draw")),
    )
    op.create_index(op.f("ix_deposit_draw_cause_id"), "deposit_draw", ["cause_id"], unique=False)
    op.create_index(op.f("ix_deposit_draw_deposit_id"), "deposit_draw", ["deposit_id"], unique=False)
    op.execute(KEEP_DRAWN)
    op.execute(
        "CREATE TRIGGER keep_drawn AFTER INSERT ON deposit_draw REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION keep_drawn()"
    )
    refuse_changes("deposit_draw")
    for table in ("deposit", "deposit_decision", "deposit_draw"):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO settlement")
    op.execute(f"GRANT UPDATE ({STEPS}) ON deposit_decision TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what was withheld is never taken down; restore a backup instead")
