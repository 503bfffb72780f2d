"""recoveries"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PART = ("recovery_id", "statement_id", "county", "category", "kind")

# What a step writes; what is owed is written once.
STEPS = (
    "status, approved_by, approved_at, rejected_by, rejected_at, rejection_reason, cancellation_asked_by,"
    " cancellation_asked_at, cancellation_reason, cancelled_by, cancelled_at"
)

REFUSE_UNEVEN = """
CREATE FUNCTION refuse_uneven_recovery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recovery r JOIN recovery_part p ON p.recovery_id = r.id
        WHERE r.id IN (SELECT recovery_id FROM added)
        GROUP BY r.id, r.amount_fen HAVING sum(p.amount_fen) <> r.amount_fen
    ) THEN
        RAISE EXCEPTION 'the parts do not add up to their recovery' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

# It runs as its owner: whoever runs the service may not write what came in of a part.
KEEP_RECEIVED = """
CREATE FUNCTION keep_received() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recovery_receipt r JOIN recovery_receipt_part p ON p.receipt_id = r.id
        WHERE r.id IN (SELECT receipt_id FROM added)
        GROUP BY r.id, r.amount_fen HAVING sum(p.amount_fen) <> r.amount_fen
    ) THEN
        RAISE EXCEPTION 'the parts do not add up to their receipt' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE recovery_part AS part SET received_fen = part.received_fen + came_in.fen FROM (
        SELECT recovery_id, statement_id, county, category, kind, sum(amount_fen)::bigint AS fen
        FROM added GROUP BY 1, 2, 3, 4, 5
    ) AS came_in
    WHERE (part.recovery_id, part.statement_id, part.county, part.category, part.kind)
        = (came_in.recovery_id, came_in.statement_id, came_in.county, came_in.category, came_in.kind);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "recovery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("entered_by", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by", sa.Text(), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancellation_asked_by", sa.Text(), nullable=True),
        sa.Column("cancellation_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_recovery_something_owed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery")),
    )
    op.create_index(op.f("ix_recovery_organization_id"), "recovery", ["organization_id"], unique=False)
    op.create_table(
        "recovery_part",
        sa.Column("recovery_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("payments", sa.Integer(), nullable=False),
        sa.Column("received_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "amount_fen <> 0 AND received_fen BETWEEN least(amount_fen, 0) AND greatest(amount_fen, 0)",
            name=op.f("ck_recovery_part_never_more_than_owed"),
        ),
        sa.ForeignKeyConstraint(["recovery_id"], ["recovery.id"], name=op.f("fk_recovery_part_recovery_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_recovery_part_statement_id")),
        sa.PrimaryKeyConstraint(*PART, name=op.f("pk_recovery_part")),
    )
    op.create_index("ix_recovery_part_statement_id", "recovery_part", ["statement_id"], unique=False)
    op.create_table(
        "recovery_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recovery_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(amount_fen < 0) = (reverses_id IS NOT NULL) AND amount_fen <> 0",
            name=op.f("ck_recovery_receipt_reversal_below_zero"),
        ),
        sa.ForeignKeyConstraint(["recovery_id"], ["recovery.id"], name=op.f("fk_recovery_receipt_recovery_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["recovery_receipt.id"], name=op.f("fk_recovery_receipt_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_receipt")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_recovery_receipt_reverses_id")),
    )
    op.create_index(op.f("ix_recovery_receipt_recovery_id"), "recovery_receipt", ["recovery_id"], unique=False)
    op.create_table(
        "recovery_receipt_part",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("recovery_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["recovery_receipt.id"], name=op.f("fk_recovery_receipt_part_receipt_id")
        ),
        sa.ForeignKeyConstraint(
            PART,
            [f"recovery_part.{name}" for name in PART],
            name=op.f("fk_recovery_receipt_part_recovery_id"),
        ),
        sa.PrimaryKeyConstraint("receipt_id", *PART[1:], name=op.f("pk_recovery_receipt_part")),
    )
    op.add_column("statement", sa.Column("recovery_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_statement_recovery_id"), "statement", "recovery", ["recovery_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_statement_recovered_by_decision"),
        "statement",
        "(status IN ('recovering', 'recovered')) = (recovery_id IS NOT NULL)",
    )
    for table, function, body in (
        ("recovery_part", "refuse_uneven_recovery", REFUSE_UNEVEN),
        ("recovery_receipt_part", "keep_received", KEEP_RECEIVED),
    ):
        op.execute(body)
        op.execute(
            f"CREATE TRIGGER {function} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    for table in ("recovery_receipt", "recovery_receipt_part"):
        refuse_changes(table)
    for table in ("recovery", "recovery_part", "recovery_receipt", "recovery_receipt_part"):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO settlement")
    op.execute(f"GRANT UPDATE ({STEPS}) ON recovery TO settlement")
    op.execute("GRANT UPDATE (recovery_id) ON statement TO settlement")


def downgrade() -> None:
    raise NotImplementedError("what is recovered is never taken down; restore a backup instead")
