"""returned transfers"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

RETURN = ("returned_by", "returned_at", "returned_on", "return_reference", "return_reason")

# One payment over HTTP settled what bears its moment; the first of the statements names the transfer.
NAME_TRANSFERS = """
UPDATE statement SET transfer_id = transfer.id FROM (
    SELECT organization_id, paid_at, bank_reference, min(id::text)::uuid AS id
    FROM statement WHERE status = 'paid' GROUP BY 1, 2, 3
) AS transfer
WHERE status = 'paid' AND (statement.organization_id, statement.paid_at, statement.bank_reference)
    = (transfer.organization_id, transfer.paid_at, transfer.bank_reference)
"""


def upgrade() -> None:
    for name in RETURN:
        kind = {"returned_at": sa.DateTime(timezone=True), "returned_on": sa.Date()}.get(name, sa.Text())
        op.add_column("statement", sa.Column(name, kind, nullable=True))
    op.add_column("statement", sa.Column("transfer_id", sa.Uuid(), nullable=True))
    op.execute(NAME_TRANSFERS)
    # The check at the end of the transaction is done now, because nothing is altered while it is still to come.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    op.create_index(op.f("ix_statement_transfer_id"), "statement", ["transfer_id"], unique=False)
    op.drop_constraint(op.f("ck_statement_paid_with_reference"), "statement")
    op.create_check_constraint(
        op.f("ck_statement_paid_with_reference"),
        "statement",
        "(status IN ('paid', 'returned')) = (num_nonnulls(transfer_id, paid_on, bank_reference) = 3)",
    )
    op.create_check_constraint(
        op.f("ck_statement_returned_with_reference"),
        "statement",
        "(status = 'returned') = (num_nonnulls(returned_on, return_reference, return_reason) = 3)",
    )
    op.drop_index("uq_statement_organization_id_month", "statement")
    op.create_index(
        "uq_statement_organization_id_month",
        "statement",
        ["organization_id", "month"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('rejected', 'returned')"),
    )
    op.execute(f"GRANT UPDATE (transfer_id, {', '.join(RETURN)}) ON statement TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what was settled is never taken down; restore a backup instead")
