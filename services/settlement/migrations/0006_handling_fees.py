"""handling fees"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# What a step writes; the amounts of a fee are written once.
STEPS = (
    "status, rejection_reason, bank_reference, paid_on, reviewed_by, reviewed_at, approved_by, approved_at,"
    " rejected_by, rejected_at, paid_by, paid_at"
)

# A correction stands for the same days as what it corrects.
ONE_FEE_AT_A_TIME = (
    "ALTER TABLE handling_fee ADD CONSTRAINT ex_handling_fee_one_at_a_time EXCLUDE USING gist ("
    "uuidrange(account_id, account_id, '[]') WITH =, daterange(start, \"end\", '[]') WITH &&)"
    " WHERE (status <> 'rejected' AND corrects_id IS NULL)"
)

# Parts are written together with the fee that they bear, and add up to it.
REFUSE_UNBALANCED_FEE = """
CREATE FUNCTION refuse_unbalanced_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.due_fen, NEW.fund_fen) IS DISTINCT FROM (
        SELECT (sum(due_fen)::bigint, sum(fund_fen)::bigint) FROM handling_fee_part WHERE fee_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'parts do not add up to their fee' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "handling_fee",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("insurer_code", sa.Text(), nullable=False),
        sa.Column("insurer_name", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("basis_name", sa.Text(), nullable=True),
        sa.Column("basis_source", sa.Text(), nullable=True),
        sa.Column("performance", sa.Text(), nullable=True),
        sa.Column("deduction", sa.Text(), nullable=True),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("computation", sa.Text(), nullable=False),
        sa.Column("finding", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by", sa.Text(), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_by", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(status = 'paid') = (paid_on IS NOT NULL AND bank_reference IS NOT NULL)",
            name=op.f("ck_handling_fee_paid_with_reference"),
        ),
        sa.CheckConstraint(
            "deduction IS NULL OR performance IS NOT NULL", name=op.f("ck_handling_fee_deduction_with_performance")
        ),
        sa.CheckConstraint(
            "(corrects_id IS NULL) = (correction_reason IS NULL)", name=op.f("ck_handling_fee_correction_with_reason")
        ),
        sa.CheckConstraint(
            "corrects_id IS NOT NULL OR fund_fen = due_fen", name=op.f("ck_handling_fee_only_a_correction_differs")
        ),
        sa.CheckConstraint("due_fen >= 0", name=op.f("ck_handling_fee_due_not_negative")),
        sa.CheckConstraint(
            "reviewed_by <> entered_by AND approved_by NOT IN (entered_by, reviewed_by) AND paid_by NOT IN (entered_by, reviewed_by, approved_by)",
            name=op.f("ck_handling_fee_four_people"),
        ),
        sa.CheckConstraint('start <= "end"', name=op.f("ck_handling_fee_period_in_order")),
        sa.ForeignKeyConstraint(["corrects_id"], ["handling_fee.id"], name=op.f("fk_handling_fee_corrects_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handling_fee")),
    )
    op.create_index("ix_handling_fee_pool", "handling_fee", ["pool", "id"], unique=False)
    op.create_index(
        "uq_handling_fee_corrects_id",
        "handling_fee",
        ["corrects_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'rejected'"),
    )
    op.create_table(
        "handling_fee_part",
        sa.Column("fee_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=True),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["fee_id"], ["handling_fee.id"], name=op.f("fk_handling_fee_part_fee_id")),
        sa.PrimaryKeyConstraint("fee_id", "county", "scheme", name=op.f("pk_handling_fee_part")),
    )
    op.execute("CREATE TYPE uuidrange AS RANGE (subtype = uuid)")
    op.execute(ONE_FEE_AT_A_TIME)
    op.execute(REFUSE_UNBALANCED_FEE)
    op.execute(
        "CREATE CONSTRAINT TRIGGER balanced AFTER INSERT OR UPDATE ON handling_fee DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced_fee()"
    )
    refuse_changes("handling_fee_part")
    op.execute("GRANT SELECT, INSERT ON handling_fee, handling_fee_part TO settlement")
    op.execute(f"GRANT UPDATE ({STEPS}) ON handling_fee TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what was paid is never taken down; restore a backup instead")
