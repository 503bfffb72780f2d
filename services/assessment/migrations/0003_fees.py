"""what assessments cost"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "fee",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("fund_fen", sa.BigInteger(), nullable=True),
        sa.Column("person_fen", sa.BigInteger(), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'due') = (num_nonnulls(cause, fee_fen, fund_fen, person_fen) = 4)"
            " AND fee_fen = fund_fen + person_fen",
            name=op.f("ck_fee_due_with_its_parts"),
        ),
        sa.CheckConstraint("status IN ('due', 'undecided', 'void')", name=op.f("ck_fee_status_known")),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name=op.f("fk_fee_application_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee")),
        sa.UniqueConstraint("application_id", "round", name=op.f("uq_fee_application_id_round")),
    )
    op.create_index("ix_fee_list", "fee", ["pool", "status", "id"], unique=False)
    op.create_index("ix_conclusion_pool_person_id", "conclusion", ["pool", "person_id"], unique=False)
    op.execute("GRANT SELECT, INSERT, UPDATE ON fee TO assessment")


def downgrade() -> None:
    raise NotImplementedError("what was owed is never taken down; restore a backup instead")
