"""assessment fees, and what a payment is for"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

OF_A_VISIT_OR_A_FEE = "(visit_id IS NULL) <> (fee_id IS NULL) AND (visit_id IS NULL) = (mode IS NULL)"


def upgrade() -> None:
    op.create_table(
        "assessment_fee",
        sa.Column("fee_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("person_fen", sa.BigInteger(), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("fee_id", name=op.f("pk_assessment_fee")),
    )
    op.create_index(op.f("ix_assessment_fee_person_id"), "assessment_fee", ["person_id"], unique=False)
    for table in ("line", "statement_line"):
        op.add_column(table, sa.Column("fee_id", sa.Uuid(), nullable=True))
        op.alter_column(table, "visit_id", existing_type=sa.Uuid(), nullable=True)
        op.alter_column(table, "mode", existing_type=sa.Text(), nullable=True)
        op.create_check_constraint(op.f(f"ck_{table}_of_a_visit_or_a_fee"), table, OF_A_VISIT_OR_A_FEE)
    op.add_column("payment", sa.Column("kind", sa.Text(), server_default="care", nullable=False))
    op.create_check_constraint(op.f("ck_payment_kind_known"), "payment", "kind IN ('care', 'assessment')")
    op.execute('GRANT SELECT, INSERT, UPDATE ON assessment_fee TO "settlement"')


def downgrade() -> None:
    raise NotImplementedError("what was paid is never taken down; restore a backup instead")
