"""merged records"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
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
    op.add_column("conclusion", sa.Column("merged_id", sa.Uuid(), nullable=True))
    op.create_index("ix_application_person_id", "application", ["person_id"], unique=False)
    op.execute("GRANT SELECT, INSERT, UPDATE ON merged_person TO assessment")


def downgrade() -> None:
    raise NotImplementedError("what was concluded is never taken down; restore a backup instead")
