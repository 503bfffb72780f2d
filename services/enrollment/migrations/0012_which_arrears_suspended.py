"""which arrears suspended"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("suspension", sa.Column("run_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_suspension_run_id",
        "suspension",
        ["run_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_suspension_run_id", table_name="suspension")
    op.drop_column("suspension", "run_id")
