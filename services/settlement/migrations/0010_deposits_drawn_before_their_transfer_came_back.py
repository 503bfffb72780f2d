"""deposits drawn before their transfer came back"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# It runs as its owner: whoever runs the service may not write what was drawn.
KEEP_DRAWN = """
CREATE OR REPLACE FUNCTION keep_drawn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE deposit SET drawn_fen = drawn_fen + fen, returned_fen = returned_fen + back_fen FROM (
        SELECT deposit_id, coalesce(sum(amount_fen) FILTER (WHERE cause <> 'return'), 0)::bigint AS fen,
            coalesce(sum(amount_fen) FILTER (WHERE cause = 'return'), 0)::bigint AS back_fen
        FROM added GROUP BY deposit_id
    ) AS drawn WHERE deposit_id = id;
    RETURN NULL;
END $$
"""

# Until now only what nothing was drawn of went back, and all of it.
MOVE_RETURNED = """
UPDATE deposit SET drawn_fen = 0, returned_fen = amount_fen
WHERE id IN (SELECT deposit_id FROM deposit_draw WHERE cause = 'return')
"""


def upgrade() -> None:
    op.add_column("deposit", sa.Column("returned_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(MOVE_RETURNED)
    for table, name, condition in (
        (
            "deposit",
            "never_more_than_withheld",
            "amount_fen > 0 AND drawn_fen BETWEEN 0 AND amount_fen AND returned_fen IN (0, amount_fen)",
        ),
        ("deposit_draw", "cause_known", "cause IN ('release', 'forfeiture', 'return', 'offset')"),
    ):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.execute(KEEP_DRAWN)


def downgrade() -> None:
    raise NotImplementedError("what is owed is never taken down; restore a backup instead")
