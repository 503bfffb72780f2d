"""withholding batches"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "withholding_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["contribution_run.id"], name=op.f("fk_withholding_batch_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withholding_batch")),
    )
    op.create_table(
        "withholding_item",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('sent', 'paid', 'part', 'failed')", name=op.f("ck_withholding_item_status_known")
        ),
        sa.CheckConstraint(
            "amount_fen > 0 AND paid_fen BETWEEN 0 AND amount_fen", name=op.f("ck_withholding_item_paid_within_asked")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["withholding_batch.id"], name=op.f("fk_withholding_item_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_withholding_item")),
    )
    op.create_index(
        "ix_withholding_item_sent",
        "withholding_item",
        ["run_id", "person_id", "county", "category", "payer"],
        unique=True,
        postgresql_where=sa.text("status = 'sent'"),
    )
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt", "version")
    grant_to_runtime("enrollment", append_only=(*append_only, "fact_import"))
    op.execute("REVOKE DELETE ON person FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
