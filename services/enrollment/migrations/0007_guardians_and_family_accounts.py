"""guardians and family accounts"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "family_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("consented_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("revoked_on", sa.Date(), nullable=True),
        sa.CheckConstraint("holder_id <> person_id", name=op.f("ck_family_account_another_person")),
        sa.CheckConstraint("revoked_on >= consented_on", name=op.f("ck_family_account_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_account")),
    )
    op.create_index("ix_family_account_holder_id", "family_account", ["holder_id"], unique=False)
    op.create_index(
        "ix_family_account_in_force",
        "family_account",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("revoked_on IS NULL"),
    )
    op.create_index("ix_family_account_person_id", "family_account", ["person_id"], unique=False)
    op.create_table(
        "guardian",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("guardian_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("guardian_id <> person_id", name=op.f("ck_guardian_another_person")),
        sa.PrimaryKeyConstraint("person_id", "since", name=op.f("pk_guardian")),
    )
    op.create_index("ix_guardian_guardian_id", "guardian", ["guardian_id"], unique=False)
    for table, column in (
        ("guardian", "person_id"),
        ("guardian", "guardian_id"),
        ("family_account", "person_id"),
        ("family_account", "holder_id"),
    ):
        op.execute(
            f"CREATE TRIGGER {column}_exists AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('{column}', 'person')"
        )
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt", "version")
    grant_to_runtime("enrollment", append_only=(*append_only, "fact_import"))
    op.execute("REVOKE DELETE ON person FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
