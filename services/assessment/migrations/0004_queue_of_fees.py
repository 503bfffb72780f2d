"""who waits for fees to be decided again"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "recount",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recount")),
    )
    # UPDATE too: whoever takes rows locks them first.
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON recount TO assessment")


def downgrade() -> None:
    op.drop_table("recount")
