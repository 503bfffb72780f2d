"""how much of the limit each line used

Lines that stand do not say it: their periods are marked as counted by no pack, so that each is counted anew.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("line", sa.Column("used_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.alter_column("line", "used_fen", server_default=None)
    op.execute("UPDATE limit_period SET pack_version = ''")


def downgrade() -> None:
    op.drop_column("line", "used_fen")
