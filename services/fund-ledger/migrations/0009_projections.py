"""projections that were asked for, and what was made of them"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MOVES = ("status", "done", "total", "step", "told_at", "made_at", "problem")


def upgrade() -> None:
    op.create_table(
        "projection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("first_year", sa.SmallInteger(), nullable=False),
        sa.Column("years", sa.SmallInteger(), nullable=False),
        sa.Column("assumptions", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("done", sa.SmallInteger(), nullable=False),
        sa.Column("total", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_name", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'made', 'failed')", name=op.f("ck_projection_status_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projection")),
    )
    op.create_index("ix_projection_pool", "projection", ["pool", "id"], unique=False)
    op.create_index(
        "ix_projection_open",
        "projection",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status IN ('waiting', 'running')"),
    )
    op.create_table(
        "projection_file",
        sa.Column("projection_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["projection_id"], ["projection.id"], name=op.f("fk_projection_file_projection_id")),
        sa.PrimaryKeyConstraint("projection_id", "form", name=op.f("pk_projection_file")),
    )
    refuse_changes("projection_file")
    op.execute(
        "CREATE TRIGGER ended BEFORE UPDATE OR DELETE ON projection"
        " FOR EACH ROW WHEN (OLD.status IN ('made', 'failed')) EXECUTE FUNCTION refuse_change()"
    )
    op.execute('GRANT SELECT, INSERT ON projection, projection_file TO "fund_ledger"')
    op.execute(f'GRANT UPDATE ({", ".join(MOVES)}) ON projection TO "fund_ledger"')


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
