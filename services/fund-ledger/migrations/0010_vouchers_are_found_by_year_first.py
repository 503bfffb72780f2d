"""voucher numbers are indexed by year first, so that no plan looks a journal up by its pool alone"""

from collections.abc import Sequence

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Whoever keeps the books looks each line's journal up by pool and sequence. In a session that begins on small
    # books any index that begins with the pool looks as good, and the plan is kept: it would read a whole pool a line.
    op.drop_constraint("uq_journal_pool_year_number", "journal", type_="unique")
    op.create_unique_constraint("uq_journal_year_number_pool", "journal", ["year", "number", "pool"])


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
