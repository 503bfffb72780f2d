"""statements are voided: a line's id is its own, what it says stands once"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MAY_CHANGE = {
    "bank_line": ("said", "voided"),
    "bank_statement": ("voided_by", "voided_at", "void_reason"),
}
BEFORE = {"bank_line": "kept", "bank_statement": "append_only"}


def upgrade() -> None:
    op.add_column("bank_line", sa.Column("content_id", sa.Uuid(), nullable=True))
    op.add_column("bank_line", sa.Column("voided", sa.Boolean(), nullable=False, server_default=sa.false()))
    # Until now a line's id followed from what it says.
    op.execute("UPDATE bank_line SET content_id = id")
    op.alter_column("bank_line", "content_id", nullable=False)
    op.alter_column("bank_line", "voided", server_default=None)
    op.create_index(
        "ix_bank_line_once", "bank_line", ["content_id"], unique=True, postgresql_where=sa.text("NOT voided")
    )
    op.create_index("ix_bank_line_statement", "bank_line", ["bank_statement_id"], unique=False)
    op.add_column("bank_statement", sa.Column("voided_by", sa.Text(), nullable=True))
    op.add_column("bank_statement", sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("bank_statement", sa.Column("void_reason", sa.Text(), nullable=True))
    for table, columns in MAY_CHANGE.items():
        op.execute(f"DROP TRIGGER {BEFORE[table]} ON {table}")
        known = [each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)]
        kept = ", ".join(f'"{name}"' for name in known if name not in columns)
        op.execute(
            f"CREATE TRIGGER kept BEFORE UPDATE OF {kept} OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f'GRANT UPDATE ({", ".join(columns)}) ON {table} TO "fund_ledger"')
    op.execute(
        "CREATE TRIGGER voided_once BEFORE UPDATE OF voided ON bank_line"
        " FOR EACH ROW WHEN (OLD.voided OR NOT NEW.voided) EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER voided_once BEFORE UPDATE ON bank_statement"
        " FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL) EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
