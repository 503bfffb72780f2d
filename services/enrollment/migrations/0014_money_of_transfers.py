"""money of transfers"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "transfer_money",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("other_pool", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("clause", sa.Text(), nullable=True),
        sa.Column("rule_status", sa.Text(), nullable=True),
        sa.Column("pack_version", sa.Text(), nullable=True),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("returned_by", sa.Text(), nullable=True),
        sa.Column("returned_on", sa.Date(), nullable=True),
        sa.Column("return_reference", sa.Text(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(direction = 'out') = (rule IS NOT NULL)", name=op.f("ck_transfer_money_decided_by_a_rule")
        ),
        sa.CheckConstraint(
            "direction = 'in' OR settled_by IS NULL OR (approved_by IS NOT NULL AND settled_by <> approved_by AND settled_by <> entered_by)",
            name=op.f("ck_transfer_money_paid_by_a_third"),
        ),
        sa.CheckConstraint(
            "direction = 'out' OR returned_by <> entered_by", name=op.f("ck_transfer_money_sent_back_by_another")
        ),
        sa.CheckConstraint(
            "direction = 'out' OR (settled_by IS NOT NULL AND settled_by = entered_by)",
            name=op.f("ck_transfer_money_received_when_entered"),
        ),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_transfer_money_direction_known")),
        sa.CheckConstraint(
            "(settled_by IS NULL) = (settled_on IS NULL) AND (settled_by IS NULL) = (bank_reference IS NULL)",
            name=op.f("ck_transfer_money_settled_with_day_and_reference"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_transfer_money_amount_positive")),
        sa.CheckConstraint("approved_by <> entered_by", name=op.f("ck_transfer_money_approved_by_another")),
        sa.CheckConstraint(
            "returned_by IS NULL OR settled_by IS NOT NULL", name=op.f("ck_transfer_money_returned_when_settled")
        ),
        sa.CheckConstraint(
            "returned_on IS NULL OR returned_on >= settled_on", name=op.f("ck_transfer_money_returned_after_settled")
        ),
        sa.CheckConstraint(
            "withdrawn_by IS NULL OR settled_by IS NULL", name=op.f("ck_transfer_money_withdrawn_or_settled")
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_money_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_money")),
    )
    op.create_index("ix_transfer_money_person_id", "transfer_money", ["person_id"], unique=False)
    op.create_index("ix_transfer_money_pool_id", "transfer_money", ["pool", "id"], unique=False)
    op.create_index("ix_transfer_money_transfer_id", "transfer_money", ["transfer_id"], unique=False)
    op.create_index(
        "uq_transfer_money_reference",
        "transfer_money",
        ["transfer_id", "bank_reference"],
        unique=True,
        postgresql_where=sa.text("returned_by IS NULL"),
    )
    op.create_index(
        "uq_transfer_money_waiting",
        "transfer_money",
        ["transfer_id"],
        unique=True,
        postgresql_where=sa.text("settled_by IS NULL AND withdrawn_by IS NULL"),
    )
    # A sum stays what it was decided as, what was settled stays settled, and what is over stays over.
    op.execute(
        "CREATE TRIGGER stays BEFORE UPDATE ON transfer_money FOR EACH ROW WHEN ("
        "OLD.returned_by IS NOT NULL OR OLD.withdrawn_by IS NOT NULL"
        " OR ROW(NEW.transfer_id, NEW.county, NEW.category, NEW.direction, NEW.amount_fen)"
        " IS DISTINCT FROM ROW(OLD.transfer_id, OLD.county, OLD.category, OLD.direction, OLD.amount_fen)"
        " OR OLD.settled_by IS NOT NULL AND ROW(NEW.settled_by, NEW.settled_on, NEW.bank_reference)"
        " IS DISTINCT FROM ROW(OLD.settled_by, OLD.settled_on, OLD.bank_reference)"
        ") EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON transfer_money TO enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
