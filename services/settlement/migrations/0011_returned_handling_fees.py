"""returned handling fees"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

RETURN = ("returned_by", "returned_at", "returned_on", "return_reference", "return_reason")

# What came back holds its days no longer.
ONE_FEE_AT_A_TIME = (
    "ALTER TABLE handling_fee ADD CONSTRAINT ex_handling_fee_one_at_a_time EXCLUDE USING gist ("
    "uuidrange(account_id, account_id, '[]') WITH =, daterange(start, \"end\", '[]') WITH &&)"
    " WHERE (status NOT IN ('rejected', 'returned') AND corrects_id IS NULL)"
)


def upgrade() -> None:
    for name in RETURN:
        kind = {"returned_at": sa.DateTime(timezone=True), "returned_on": sa.Date()}.get(name, sa.Text())
        op.add_column("handling_fee", sa.Column(name, kind, nullable=True))
    op.drop_constraint(op.f("ck_handling_fee_paid_with_reference"), "handling_fee")
    op.create_check_constraint(
        op.f("ck_handling_fee_paid_with_reference"),
        "handling_fee",
        "(status IN ('paid', 'returned')) = (num_nonnulls(paid_on, bank_reference) = 2)",
    )
    op.create_check_constraint(
        op.f("ck_handling_fee_returned_with_reference"),
        "handling_fee",
        "(status = 'returned') = (num_nonnulls(returned_on, return_reference, return_reason) = 3)",
    )
    op.drop_index("uq_handling_fee_corrects_id", "handling_fee")
    op.create_index(
        "uq_handling_fee_corrects_id",
        "handling_fee",
        ["corrects_id"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('rejected', 'returned')"),
    )
    op.execute("ALTER TABLE handling_fee DROP CONSTRAINT ex_handling_fee_one_at_a_time")
    op.execute(ONE_FEE_AT_A_TIME)
    op.execute(f"GRANT UPDATE ({', '.join(RETURN)}) ON handling_fee TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what was paid is never taken down; restore a backup instead")
