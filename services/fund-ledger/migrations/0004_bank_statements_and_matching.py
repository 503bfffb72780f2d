"""bank statements and matching"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import refuse_changes

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Both sides of a match come to its amount, and lie in the account that it is of. A match is written after
# what it holds, so this looks at whole ones, once a statement; always by index, whatever was known of the
# tables when the plan was made.
REFUSE_UNEVEN = """
CREATE FUNCTION refuse_uneven_match() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added, LATERAL (
            SELECT coalesce(sum(bank_line.amount_fen), 0) AS fen, count(*) AS parts,
                count(*) FILTER (WHERE (bank_account.pool, bank_account.account) = (added.pool, added.account)
                    AND bank_account.county IS NOT DISTINCT FROM added.county) AS own
            FROM matched_line
                JOIN bank_line ON bank_line.id = matched_line.line_id
                JOIN bank_account ON bank_account.id = bank_line.bank_account_id
            WHERE matched_line.match_id = added.id
        ) AS of_lines, LATERAL (
            SELECT coalesce(sum(line.amount_fen), 0) AS fen, count(*) AS parts,
                count(*) FILTER (WHERE (line.pool, line.account) = (added.pool, added.account)
                    AND line.county = coalesce(added.county, line.county)) AS own
            FROM matched_entry JOIN line USING (pool, sequence, number)
            WHERE matched_entry.match_id = added.id
        ) AS of_entries
        WHERE of_lines.fen <> added.amount_fen OR of_entries.fen <> added.amount_fen
            OR of_lines.own + of_entries.own < 2
            OR of_lines.own < of_lines.parts OR of_entries.own < of_entries.parts
    ) THEN
        RAISE EXCEPTION 'the two sides of a match differ' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

# Nothing is added to a match that is there.
REFUSE_ADDING = """
CREATE FUNCTION refuse_adding_to_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN bank_match ON bank_match.id = added.match_id) THEN
        RAISE EXCEPTION 'a match is written with all that it holds' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$
"""

# What may change of a row that is otherwise kept for good, and who it is that may.
MAY_CHANGE = {
    "bank_account": ("number", "number_index", "until"),
    "bank_line": ("said",),
    "bank_match": ("undone_by", "undone_at", "undone_reason"),
    "matched_line": ("active",),
    "matched_entry": ("active",),
}
NEVER_CHANGE = ("bank_statement", "bank_reference", "line_draft", "tax_file", "tax_receipt")


def upgrade() -> None:
    op.create_table(
        "bank_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=False),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("number_end", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_account")),
        sa.UniqueConstraint("number_index", name=op.f("uq_bank_account_number_index")),
    )
    op.create_index("ix_bank_account_pool", "bank_account", ["pool", "account"], unique=False)
    op.create_table(
        "bank_match",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_match")),
    )
    op.create_index("ix_bank_match_place", "bank_match", ["pool", "account", "id"], unique=False)
    op.create_table(
        "bank_reference",
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_bank_reference")),
    )
    op.create_table(
        "matched_entry",
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("match_id", "pool", "sequence", "number", name=op.f("pk_matched_entry")),
    )
    op.create_index("ix_matched_entry_entry", "matched_entry", ["pool", "sequence", "number"], unique=False)
    op.create_index(
        "ix_matched_entry_once", "matched_entry", ["pool", "sequence", "number"], unique=True, postgresql_where="active"
    )
    op.create_table(
        "matched_line",
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("match_id", "line_id", name=op.f("pk_matched_line")),
    )
    op.create_index("ix_matched_line_line", "matched_line", ["line_id"], unique=False)
    op.create_index("ix_matched_line_once", "matched_line", ["line_id"], unique=True, postgresql_where="active")
    op.create_table(
        "tax_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("loaded_by", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_file")),
    )
    op.create_index("ix_tax_file_month", "tax_file", ["pool", "month", "id"], unique=False)
    op.create_table(
        "bank_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bank_account_id", sa.Uuid(), nullable=False),
        sa.Column("bank_statement_id", sa.Uuid(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("end_to_end_id", sa.Text(), nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_bank_line_amount_not_zero")),
        sa.ForeignKeyConstraint(["bank_account_id"], ["bank_account.id"], name=op.f("fk_bank_line_bank_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_line")),
    )
    op.create_index("ix_bank_line_day", "bank_line", ["bank_account_id", "booked_on", "id"], unique=False)
    op.create_table(
        "bank_statement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bank_account_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("opening_fen", sa.BigInteger(), nullable=False),
        sa.Column("closing_fen", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("new_lines", sa.Integer(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("loaded_by", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("since <= until", name=op.f("ck_bank_statement_days_in_order")),
        sa.ForeignKeyConstraint(
            ["bank_account_id"], ["bank_account.id"], name=op.f("fk_bank_statement_bank_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_statement")),
    )
    op.create_index("ix_bank_statement_account", "bank_statement", ["bank_account_id", "since"], unique=False)
    op.create_table(
        "tax_receipt",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["tax_file.id"], name=op.f("fk_tax_receipt_file_id")),
        sa.PrimaryKeyConstraint("file_id", "county", "category", "payer", name=op.f("pk_tax_receipt")),
    )
    op.create_table(
        "line_draft",
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_line_draft_draft_id")),
        sa.ForeignKeyConstraint(["line_id"], ["bank_line.id"], name=op.f("fk_line_draft_line_id")),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_line_draft")),
    )
    op.create_index("ix_line_draft_line", "line_draft", ["line_id"], unique=False)
    for table in NEVER_CHANGE:
        refuse_changes(table)
        op.execute(f'GRANT SELECT, INSERT ON "{table}" TO "fund_ledger"')
    for table, columns in MAY_CHANGE.items():
        known = [each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)]
        kept = ", ".join(f'"{name}"' for name in known if name not in columns)
        op.execute(
            f'CREATE TRIGGER kept BEFORE UPDATE OF {kept} OR DELETE OR TRUNCATE ON "{table}"'
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        changing = ", ".join(f'"{name}"' for name in columns)
        op.execute(f'GRANT SELECT, INSERT, UPDATE ({changing}) ON "{table}" TO "fund_ledger"')
    op.execute(REFUSE_UNEVEN)
    op.execute(
        "CREATE TRIGGER even AFTER INSERT ON bank_match REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_uneven_match()"
    )
    op.execute(
        "CREATE TRIGGER undone_once BEFORE UPDATE ON bank_match"
        " FOR EACH ROW WHEN (OLD.undone_by IS NOT NULL) EXECUTE FUNCTION refuse_change()"
    )
    op.execute(REFUSE_ADDING)
    for table in ("matched_line", "matched_entry"):
        op.execute(
            f"CREATE TRIGGER whole AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_adding_to_match()"
        )
        op.execute(
            f"CREATE TRIGGER freed_once BEFORE UPDATE ON {table}"
            " FOR EACH ROW WHEN (NEW.active OR NOT OLD.active) EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise NotImplementedError("the books are never taken down; restore a backup instead")
