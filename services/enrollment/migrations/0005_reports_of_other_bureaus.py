"""reports of other bureaus"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "fact_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_file", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact_import")),
    )
    op.create_table(
        "hardship",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("recorded_now()"), nullable=True),
        sa.CheckConstraint('"end" >= start', name=op.f("ck_hardship_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hardship")),
    )
    op.create_index("ix_hardship_person_id", "hardship", ["person_id"], unique=False)
    op.create_table(
        "conflict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("clash", sa.Text(), nullable=False),
        sa.Column("proposed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("known", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.CheckConstraint("(status = 'open') = (resolved_by IS NULL)", name=op.f("ck_conflict_resolved_by_somebody")),
        sa.CheckConstraint("status IN ('open', 'accepted', 'rejected')", name=op.f("ck_conflict_status_known")),
        sa.ForeignKeyConstraint(["import_id"], ["fact_import.id"], name=op.f("fk_conflict_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
        sa.UniqueConstraint("person_id", "kind", "proposed", name=op.f("uq_conflict_person_id_kind_proposed")),
    )
    op.create_index("ix_conflict_pool_id", "conflict", ["pool", "id"], unique=False)
    op.execute(
        "CREATE TRIGGER person_id_exists AFTER INSERT ON hardship REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('person_id', 'person')"
    )
    kept = ("kind", "start", "end", "void_reason")
    changed = " OR ".join(f'OLD."{each}" IS DISTINCT FROM NEW."{each}"' for each in kept)
    keep = "EXECUTE FUNCTION keep_version('hardship', 'person_id')"
    op.execute(f"CREATE TRIGGER changed BEFORE UPDATE ON hardship FOR EACH ROW WHEN ({changed}) {keep}")
    op.execute(f"CREATE TRIGGER taken_out BEFORE DELETE ON hardship FOR EACH ROW {keep}")
    refuse_changes("fact_import")
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt", "version")
    grant_to_runtime("enrollment", append_only=(*append_only, "fact_import"))
    op.execute("REVOKE DELETE ON person FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
