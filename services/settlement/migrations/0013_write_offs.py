"""what will not come in of a recovery is written off"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

COLUMNS = {
    "write_off_asked_by": sa.Text(),
    "write_off_asked_at": sa.DateTime(timezone=True),
    "written_off_by": sa.Text(),
    "written_off_at": sa.DateTime(timezone=True),
    "write_off_reason": sa.Text(),
    "write_off_fen": sa.BigInteger(),
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("recovery", sa.Column(name, kind, nullable=True))
    op.create_check_constraint(
        op.f("ck_recovery_written_off_by_two"),
        "recovery",
        "status <> 'written_off' OR coalesce(write_off_fen > 0 AND written_off_by <> write_off_asked_by, false)",
    )
    op.drop_constraint(op.f("ck_statement_recovered_by_decision"), "statement", type_="check")
    op.create_check_constraint(
        op.f("ck_statement_recovered_by_decision"),
        "statement",
        "(status IN ('recovering', 'recovered', 'written_off')) = (recovery_id IS NOT NULL)",
    )
    op.execute(f"GRANT UPDATE ({', '.join(COLUMNS)}) ON recovery TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what is recovered is never taken down; restore a backup instead")
