"""relation of a guardian and withdrawn values"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("guardian", sa.Column("relation", sa.Text(), nullable=True))
    op.add_column("policy_value", sa.Column("withdrawn_by", sa.Text(), nullable=True))
    op.add_column("policy_value", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("policy_value", sa.Column("withdrawal_reason", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_policy_value_approved_or_withdrawn"), "policy_value", "approved_by IS NULL OR withdrawn_by IS NULL"
    )


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
