"""places and the chain: every journal gets its sequence, voucher number and hash; the days get their totals"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Once a statement, over all the lines it adds. They balance in each county's book of each scheme; their
# journals were written in this very transaction, so nothing can be added to one that is booked; no period
# that is closed changes. And the daily totals follow, which is why the function runs as its owner: whoever
# runs the service may not write them. The journals are always found by index, whatever was known of the
# table when the plan was made.
KEEP_BOOKS = """
CREATE FUNCTION keep_books() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM added GROUP BY pool, sequence, county, scheme HAVING sum(amount_fen) <> 0) THEN
        RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM added LEFT JOIN journal USING (pool, sequence)
        WHERE journal.written_at IS DISTINCT FROM now() OR journal.accounting_on <> added.accounting_on
    ) THEN
        RAISE EXCEPTION 'lines are written together with their journal' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM added JOIN book USING (pool) WHERE added.accounting_on < book.open_from) THEN
        RAISE EXCEPTION 'the period is closed' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO daily_total AS kept
        (pool, accounting_on, happened_on, carries, account, county, scheme, debit_fen, credit_fen)
    SELECT added.pool, added.accounting_on, journal.happened_on, journal.carries, added.account, added.county,
        coalesce(added.scheme, ''), sum(greatest(added.amount_fen, 0)), sum(greatest(-added.amount_fen, 0))
    FROM added JOIN journal USING (pool, sequence)
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (pool, accounting_on, happened_on, carries, account, county, scheme) DO UPDATE
    SET debit_fen = kept.debit_fen + excluded.debit_fen, credit_fen = kept.credit_fen + excluded.credit_fen;
    RETURN NULL;
END $$
"""

LINE = sa.table(
    "line",
    *(sa.column(name) for name in ("pool", "sequence", "number", "account", "county", "scheme", "payer")),
    sa.column("accounting_on", sa.Date()),
    sa.column("organization_id", sa.Uuid()),
    sa.column("amount_fen", sa.BigInteger()),
)


def upgrade() -> None:
    op.create_table(
        "book",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("numbers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("open_from", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("pool", name=op.f("pk_book")),
    )
    op.create_table(
        "daily_total",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("accounting_on", sa.Date(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("carries", sa.Boolean(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("debit_fen", sa.BigInteger(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "pool",
            "accounting_on",
            "happened_on",
            "carries",
            "account",
            "county",
            "scheme",
            name=op.f("pk_daily_total"),
        ),
    )
    # The same few rows of a day are written again and again: room beside each keeps that off the index.
    op.execute("ALTER TABLE daily_total SET (fillfactor = 50)")
    for table in ("journal", "line"):
        op.rename_table(table, f"{table}_before")
    op.execute('ALTER TABLE journal_before RENAME CONSTRAINT "pk_journal" TO "pk_journal_before"')
    op.execute('ALTER TABLE line_before RENAME CONSTRAINT "pk_line" TO "pk_line_before"')
    op.create_table(
        "journal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_event_id", sa.Uuid(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("accounting_on", sa.Date(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carries", sa.Boolean(), nullable=False),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("facts_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("pool", "sequence", name=op.f("uq_journal_pool_sequence")),
        sa.UniqueConstraint("pool", "year", "number", name=op.f("uq_journal_pool_year_number")),
        sa.UniqueConstraint("reverses", name=op.f("uq_journal_reverses")),
    )
    op.create_table(
        "line",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("accounting_on", sa.Date(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=True),
        sa.Column("payer", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_line_amount_not_zero")),
        sa.PrimaryKeyConstraint("pool", "sequence", "number", name=op.f("pk_line")),
    )
    op.execute(KEEP_BOOKS)
    op.execute(
        "CREATE TRIGGER kept AFTER INSERT ON line REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION keep_books()"
    )
    place_what_was_booked(op.get_bind())
    op.drop_table("line_before")
    op.drop_table("journal_before")
    op.execute("DROP FUNCTION refuse_unbalanced()")
    op.create_index("ix_journal_source_event_id", "journal", ["source_event_id"], unique=False)
    op.create_index("ix_line_account", "line", ["pool", "account", "accounting_on", "sequence"], unique=False)
    refuse_changes("journal")
    refuse_changes("line")
    grant_to_runtime("fund_ledger", append_only=("journal", "line"))
    op.execute('REVOKE INSERT, UPDATE, DELETE ON daily_total FROM "fund_ledger"')


def place_what_was_booked(bind: sa.Connection) -> None:
    """Give what was booked before there were places its own, in the order in which it was written."""
    lines = bind.execute(
        sa.text(
            "SELECT journal.*, line.account, line.county, line.scheme, line.payer, line.organization_id,"
            " line.amount_fen FROM journal_before journal JOIN line_before line ON line.journal_id = journal.id"
            " ORDER BY journal.pool, journal.written_at, journal.id, line.id"
        ),
        execution_options={"stream_results": True},
    )
    for pool, of_pool in groupby(lines, lambda row: row.pool):
        sequence, previous, numbers = 0, bytes(32), {}
        for _, rows in groupby(of_pool, lambda row: row.id):
            written = list(rows)
            sequence += 1
            year = str(written[0].happened_on.year)
            numbers[year] = numbers.get(year, 0) + 1
            previous = place(bind, written, sequence, numbers[year], previous)
        bind.execute(
            sa.text("INSERT INTO book (pool, sequence, hash, numbers) VALUES (:pool, :sequence, :hash, :numbers)"),
            {"pool": pool, "sequence": sequence, "hash": previous, "numbers": json.dumps(numbers)},
        )


def place(bind: sa.Connection, rows: list[Any], sequence: int, number: int, previous: bytes) -> bytes:
    head = rows[0]
    entry = {
        "format": "changhu-ledger-1",
        "pool": head.pool,
        "sequence": sequence,
        "year": head.happened_on.year,
        "number": number,
        "id": str(head.id),
        "title": head.title,
        "source": head.source,
        "source_event_id": str(head.source_event_id),
        "happened_on": head.happened_on.isoformat(),
        "accounting_on": head.happened_on.isoformat(),
        "booked_at": head.written_at.astimezone(UTC).isoformat(),
        "carries": False,
        "reverses": None,
        "facts": "",
        "previous": previous.hex(),
        "lines": [
            {
                "account": row.account,
                "county": row.county,
                "scheme": row.scheme,
                "payer": row.payer,
                "organization_id": str(row.organization_id) if row.organization_id else None,
                "amount_fen": row.amount_fen,
            }
            for row in rows
        ],
    }
    written = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    hashed = hashlib.sha256(written).digest()
    values = {
        **{name: getattr(head, name) for name in ("id", "pool", "title", "source", "source_event_id")},
        **{name: getattr(head, name) for name in ("happened_on", "booked_on", "written_at")},
        "sequence": sequence,
        "year": head.happened_on.year,
        "number": number,
        "hash": hashed,
    }
    # Written now, like the lines; the moment at which it was booked is kept.
    bind.execute(
        sa.text(
            "INSERT INTO journal (id, pool, sequence, year, number, title, source, source_event_id, happened_on,"
            " accounting_on, booked_on, booked_at, carries, facts_hash, hash) VALUES (:id, :pool, :sequence, :year,"
            " :number, :title, :source, :source_event_id, :happened_on, :happened_on, :booked_on, :written_at, false,"
            " '', :hash)"
        ),
        values,
    )
    bind.execute(
        sa.insert(LINE).values(
            [
                {
                    "pool": head.pool,
                    "sequence": sequence,
                    "number": n,
                    "accounting_on": head.happened_on,
                    "account": row.account,
                    "county": row.county,
                    "scheme": row.scheme,
                    "payer": row.payer,
                    "organization_id": row.organization_id,
                    "amount_fen": row.amount_fen,
                }
                for n, row in enumerate(rows, 1)
            ]
        )
    )
    return hashed


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
