"""a reservation that was settled may wait again, because what settled it was taken back"""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("DROP TRIGGER ended ON reservation")
    op.execute(
        "CREATE TRIGGER ended BEFORE UPDATE ON reservation FOR EACH ROW"
        " WHEN (OLD.status = 'released' OR (OLD.status = 'settled' AND NEW.status <> 'waiting'))"
        " EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER kept BEFORE DELETE ON reservation FOR EACH ROW"
        " WHEN (OLD.status IN ('settled', 'released')) EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
