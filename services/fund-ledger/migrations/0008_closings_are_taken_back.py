"""closings are taken back: who closed a bank account is kept, and what comes again every month may end earlier"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("bank_account", sa.Column("closed_by", sa.Text(), nullable=True))
    op.execute('GRANT UPDATE (closed_by) ON bank_account TO "fund_ledger"')
    op.execute('GRANT UPDATE (last_month) ON recurring TO "fund_ledger"')


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
