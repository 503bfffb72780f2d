"""what came back of a part that takes back is held in the year in which it came, and in no other"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    for name, kind in (("settled_year", sa.SmallInteger()), ("of_year_fen", sa.BigInteger())):
        op.add_column("reservation_part", sa.Column(name, kind, server_default="0", nullable=False))
    op.execute('GRANT UPDATE (settled_year, of_year_fen) ON reservation_part TO "fund_ledger"')


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
