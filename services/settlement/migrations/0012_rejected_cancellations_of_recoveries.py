"""rejected cancellations of recoveries"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

STEP = "cancellation_rejected_by, cancellation_rejected_at, cancellation_rejection_reason"


def upgrade() -> None:
    op.add_column("recovery", sa.Column("cancellation_rejected_by", sa.Text(), nullable=True))
    op.add_column("recovery", sa.Column("cancellation_rejected_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("recovery", sa.Column("cancellation_rejection_reason", sa.Text(), nullable=True))
    op.execute(f"GRANT UPDATE ({STEP}) ON recovery TO settlement")


def downgrade() -> None:
    raise NotImplementedError("who decided what is never taken down; restore a backup instead")
