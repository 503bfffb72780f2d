"""What banks and the tax bureau say, and what of it was matched. What was said is never changed.

A line and an entry stand in one match at a time, and the two sides of a match come to one amount:
the database repeats both. A match is never deleted; undone, it sets free what it held.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from fund_ledger.storage.tables import METADATA

# `account` is the ledger's, `county` the one whose money alone lies here.
bank_account = Table(
    "bank_account",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("number", LargeBinary, nullable=False),
    Column("number_index", LargeBinary, nullable=False, unique=True),
    Column("number_end", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text),
    Column("since", Date, nullable=False),
    Column("until", Date),
    Column("closed_by", Text),
    Column("registered_by", Text, nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False),
)
Index("ix_bank_account_pool", bank_account.c.pool, bank_account.c.account)

# `content_hash` is that of the file, to be compared with the one that the bank gave.
bank_statement = Table(
    "bank_statement",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("bank_account_id", Uuid, ForeignKey("bank_account.id"), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("opening_fen", BigInteger, nullable=False),
    Column("closing_fen", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("new_lines", Integer, nullable=False),
    Column("form", Text, nullable=False),
    Column("number", Text),
    Column("content_hash", LargeBinary, nullable=False),
    Column("loaded_by", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False),
    Column("voided_by", Text),
    Column("voided_at", DateTime(timezone=True)),
    Column("void_reason", Text),
    CheckConstraint("since <= until", name="days_in_order"),
)
Index("ix_bank_statement_account", bank_statement.c.bank_account_id, bank_statement.c.since)

# `amount_fen` above zero came in. `said` is what the bank says of the other party and why, sealed. `content_id`
# follows from what the line says, and stands once; a line whose statement was voided no longer stands.
bank_line = Table(
    "bank_line",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("bank_account_id", Uuid, ForeignKey("bank_account.id"), nullable=False),
    Column("bank_statement_id", Uuid, nullable=False),
    Column("content_id", Uuid, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reference", Text),
    Column("end_to_end_id", Text),
    Column("said", LargeBinary),
    Column("voided", Boolean, nullable=False),
    CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
)
Index("ix_bank_line_day", bank_line.c.bank_account_id, bank_line.c.booked_on, bank_line.c.id)
Index("ix_bank_line_once", bank_line.c.content_id, unique=True, postgresql_where=~bank_line.c.voided)
Index("ix_bank_line_statement", bank_line.c.bank_statement_id)

# Under which reference an entry's money moves at the bank; of what was booked by events.
bank_reference = Table(
    "bank_reference",
    METADATA,
    Column("journal_id", Uuid, primary_key=True),
    Column("reference", Text, nullable=False),
)

# `last_on` is the latest day of what it holds: in a closed month it stays as it is. Who undid it gave a
# reason; what the rules themselves took back has none.
bank_match = Table(
    "bank_match",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text),
    Column("rule", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("last_on", Date, nullable=False),
    Column("reason", Text),
    Column("made_by", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("undone_by", Text),
    Column("undone_at", DateTime(timezone=True)),
    Column("undone_reason", Text),
)
Index("ix_bank_match_place", bank_match.c.pool, bank_match.c.account, bank_match.c.id)

matched_line = Table(
    "matched_line",
    METADATA,
    Column("match_id", Uuid, nullable=False),
    Column("line_id", Uuid, nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("match_id", "line_id"),
)
Index("ix_matched_line_once", matched_line.c.line_id, unique=True, postgresql_where=matched_line.c.active)
Index("ix_matched_line_line", matched_line.c.line_id)

matched_entry = Table(
    "matched_entry",
    METADATA,
    Column("match_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("match_id", "pool", "sequence", "number"),
)
Index(
    "ix_matched_entry_once",
    matched_entry.c.pool,
    matched_entry.c.sequence,
    matched_entry.c.number,
    unique=True,
    postgresql_where=matched_entry.c.active,
)
Index("ix_matched_entry_entry", matched_entry.c.pool, matched_entry.c.sequence, matched_entry.c.number)

# A manual journal that was drafted from a bank's line, to be matched with it once it is approved.
line_draft = Table(
    "line_draft",
    METADATA,
    Column("draft_id", Uuid, ForeignKey("draft.id"), primary_key=True),
    Column("line_id", Uuid, ForeignKey("bank_line.id"), nullable=False),
)
Index("ix_line_draft_line", line_draft.c.line_id)

# The last file of a month counts.
tax_file = Table(
    "tax_file",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("loaded_by", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False),
)
Index("ix_tax_file_month", tax_file.c.pool, tax_file.c.month, tax_file.c.id)

tax_receipt = Table(
    "tax_receipt",
    METADATA,
    Column("file_id", Uuid, ForeignKey("tax_file.id"), nullable=False),
    Column("county", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("file_id", "county", "category", "payer"),
)
