"""transfers between pools"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("coverage_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("other_pool", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_transfer_direction_known")),
        sa.CheckConstraint("months >= 0", name=op.f("ck_transfer_months_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    op.create_index("ix_transfer_person_id", "transfer", ["person_id"], unique=False)
    op.add_column("coverage", sa.Column("recognised_months", sa.Integer(), nullable=True))
    op.execute(
        "ALTER TABLE coverage ADD CONSTRAINT ck_coverage_recognised_months_possible"
        " CHECK (recognised_months BETWEEN 0 AND 1200)"
    )
    op.execute(
        "CREATE TRIGGER person_id_exists AFTER INSERT ON transfer REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('person_id', 'person')"
    )
    refuse_changes("transfer")
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt", "version")
    grant_to_runtime("enrollment", append_only=(*append_only, "fact_import", "transfer"))
    op.execute("REVOKE DELETE ON person FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
