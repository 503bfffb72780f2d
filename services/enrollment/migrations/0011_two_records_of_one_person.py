"""two records of one person"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "likeness",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("born", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_likeness")),
    )
    op.create_index("ix_likeness_born", "likeness", ["born"], unique=False)
    op.create_index("ix_likeness_number", "likeness", ["number"], unique=False)
    op.create_index("ix_likeness_phone", "likeness", ["phone"], unique=False)
    op.create_table(
        "likeness_wish",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("first", sa.Uuid(), nullable=False),
        sa.Column("last", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_likeness_wish")),
    )
    op.create_table(
        "merge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.Column("effect", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("(status = 'entered') = (decided_by IS NULL)", name=op.f("ck_merge_decided_by_somebody")),
        sa.CheckConstraint(
            "status <> 'approved' OR decided_by <> entered_by", name=op.f("ck_merge_approved_by_another")
        ),
        sa.CheckConstraint("status IN ('entered', 'approved', 'rejected')", name=op.f("ck_merge_status_known")),
        sa.CheckConstraint("survivor_id <> merged_id", name=op.f("ck_merge_another_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge")),
    )
    op.create_index("ix_merge_merged_id", "merge", ["merged_id"], unique=False)
    op.create_index("ix_merge_pool_id", "merge", ["pool", "id"], unique=False)
    op.create_index("ix_merge_survivor_id", "merge", ["survivor_id"], unique=False)
    op.create_index(
        "ix_merge_waiting", "merge", ["merged_id"], unique=True, postgresql_where=sa.text("status = 'entered'")
    )
    op.create_table(
        "merge_candidate",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("other_pool", sa.Text(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("signs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'open') = (decided_by IS NULL)", name=op.f("ck_merge_candidate_decided_by_somebody")
        ),
        sa.CheckConstraint("status IN ('open', 'dismissed')", name=op.f("ck_merge_candidate_status_known")),
        sa.CheckConstraint("person_id < other_id", name=op.f("ck_merge_candidate_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_candidate")),
        sa.UniqueConstraint("person_id", "other_id", name=op.f("uq_merge_candidate_person_id_other_id")),
    )
    op.create_index("ix_merge_candidate_status_id", "merge_candidate", ["status", "id"], unique=False)
    op.create_table(
        "merged_person",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_merged_person")),
    )
    op.create_index("ix_merged_person_survivor_id", "merged_person", ["survivor_id"], unique=False)
    # A decided merge stays as it was decided; nobody is deleted from the list of those who were merged.
    op.execute(
        "CREATE TRIGGER decided_once BEFORE UPDATE ON merge FOR EACH ROW WHEN (OLD.status <> 'entered')"
        " EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON merge, merge_candidate, merged_person TO enrollment")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON likeness, likeness_wish TO enrollment")
    # A mark with days goes over to another person now, and whose it was known to be stays told.
    changed = " OR ".join(
        f'OLD."{each}" IS DISTINCT FROM NEW."{each}"' for each in ("person_id", "kind", "start", "end", "void_reason")
    )
    op.execute("DROP TRIGGER changed ON hardship")
    op.execute(
        f"CREATE TRIGGER changed BEFORE UPDATE ON hardship FOR EACH ROW WHEN ({changed})"
        " EXECUTE FUNCTION keep_version('hardship', 'person_id')"
    )
    # Everybody who is registered already is looked at.
    op.execute(
        "INSERT INTO likeness_wish (pool, first, last)"
        " SELECT DISTINCT pool, CAST(repeat('0', 32) AS uuid), CAST(repeat('f', 32) AS uuid) FROM person"
    )


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
