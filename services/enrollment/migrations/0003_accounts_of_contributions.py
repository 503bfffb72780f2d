"""accounts of contributions"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("corrected_by", sa.Text(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("raised_fen", sa.BigInteger(), nullable=False),
        sa.Column("lowered_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("raised_fen >= 0 AND lowered_fen >= 0", name=op.f("ck_correction_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["contribution_run.id"], name=op.f("fk_correction_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_run_id", "correction", ["run_id"], unique=False)
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("refunded_on", sa.Date(), nullable=True),
        sa.CheckConstraint("(approved_by IS NULL) = (refunded_on IS NULL)", name=op.f("ck_refund_paid_when_approved")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_refund_amount_positive")),
        sa.CheckConstraint("approved_by <> entered_by", name=op.f("ck_refund_approved_by_another")),
        sa.ForeignKeyConstraint(["run_id"], ["contribution_run.id"], name=op.f("fk_refund_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
    )
    op.create_index("ix_refund_person_id", "refund", ["person_id"], unique=False)
    op.create_index("ix_refund_run_id_person_id", "refund", ["run_id", "person_id"], unique=False)
    op.create_table(
        "difference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("base_fen", sa.BigInteger(), nullable=True),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("readings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.CheckConstraint("fen <> 0", name=op.f("ck_difference_not_zero")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_difference_correction_id")),
        sa.ForeignKeyConstraint(["run_id"], ["contribution_run.id"], name=op.f("fk_difference_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
        sa.UniqueConstraint(
            "correction_id",
            "person_id",
            "category",
            "payer",
            name=op.f("uq_difference_correction_id_person_id_category_payer"),
        ),
    )
    op.create_index("ix_difference_person_id", "difference", ["person_id"], unique=False)
    op.create_index("ix_difference_run_id_person_id", "difference", ["run_id", "person_id"], unique=False)
    op.create_table(
        "person_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_person_receipt_amount_positive")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"], name=op.f("fk_person_receipt_receipt_id")),
        sa.ForeignKeyConstraint(["run_id"], ["contribution_run.id"], name=op.f("fk_person_receipt_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_receipt")),
    )
    op.create_index("ix_person_receipt_person_id", "person_receipt", ["person_id"], unique=False)
    op.create_index("ix_person_receipt_run_id_person_id", "person_receipt", ["run_id", "person_id"], unique=False)
    op.add_column("run_total", sa.Column("raised_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("run_total", sa.Column("lowered_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("run_total", sa.Column("refunded_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("ALTER TABLE run_total DROP CONSTRAINT ck_run_total_received_within_due")
    for name, condition in (
        ("received_within_due", "received_fen BETWEEN 0 AND due_fen + raised_fen"),
        ("lowered_within_due", "lowered_fen BETWEEN 0 AND due_fen + raised_fen"),
        ("refunded_within_received", "refunded_fen BETWEEN 0 AND received_fen"),
    ):
        op.execute(f"ALTER TABLE run_total ADD CONSTRAINT ck_run_total_{name} CHECK ({condition})")
    for table in ("difference", "person_receipt"):
        refuse_changes(table)
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt")
    grant_to_runtime("enrollment", append_only=append_only)
    op.execute("REVOKE DELETE ON person, coverage FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
