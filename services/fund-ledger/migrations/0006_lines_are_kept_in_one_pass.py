"""the books are kept in one pass over the lines; only reversals are indexed as such"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Once a statement, over all the lines it adds, each looked up beside its journal once. They balance in each
# county's book of each scheme; their journals were written in this very transaction, so nothing can be added to
# one that is booked; no period that is closed changes. And the daily totals follow, which is why the function
# runs as its owner: whoever runs the service may not write them. The journals are always found by index,
# whatever was known of the table when the plan was made.
KEEP_BOOKS = """
CREATE OR REPLACE FUNCTION keep_books() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    unbalanced boolean;
    strange boolean;
    closed boolean;
BEGIN
    WITH placed AS MATERIALIZED (
        SELECT added.*, journal.happened_on, journal.carries,
            journal.written_at = now() AND journal.accounting_on = added.accounting_on AS own
        FROM added LEFT JOIN journal USING (pool, sequence)
    ), totals AS (
        INSERT INTO daily_total AS kept
            (pool, accounting_on, happened_on, carries, account, county, scheme, debit_fen, credit_fen)
        SELECT pool, accounting_on, happened_on, carries, account, county, coalesce(scheme, ''),
            sum(greatest(amount_fen, 0)), sum(greatest(-amount_fen, 0))
        FROM placed WHERE own
        GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (pool, accounting_on, happened_on, carries, account, county, scheme) DO UPDATE
        SET debit_fen = kept.debit_fen + excluded.debit_fen, credit_fen = kept.credit_fen + excluded.credit_fen
    )
    SELECT
        EXISTS (SELECT FROM placed GROUP BY pool, sequence, county, scheme HAVING sum(amount_fen) <> 0),
        EXISTS (SELECT FROM placed WHERE own IS NOT TRUE),
        EXISTS (
            SELECT FROM (SELECT pool, min(accounting_on) AS first FROM placed GROUP BY pool) AS touched
            JOIN book USING (pool) WHERE touched.first < book.open_from
        )
    INTO unbalanced, strange, closed;
    IF unbalanced THEN
        RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
    ELSIF strange THEN
        RAISE EXCEPTION 'lines are written together with their journal' USING ERRCODE = 'check_violation';
    ELSIF closed THEN
        RAISE EXCEPTION 'the period is closed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(KEEP_BOOKS)
    op.drop_constraint("uq_journal_reverses", "journal", type_="unique")
    op.create_index(
        "ix_journal_reverses",
        "journal",
        ["reverses"],
        unique=True,
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
