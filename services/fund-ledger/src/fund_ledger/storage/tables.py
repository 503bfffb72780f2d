"""The books' tables. The database itself refuses an unbalanced journal and any change to a booked one.

It also keeps the daily totals, in the statement that adds the lines, so that they are the sum of
the lines on every day; nobody else may write them.
"""

from changhu_common.spine import add_spine, new_metadata
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
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA = new_metadata()
SPINE = add_spine(METADATA)

# One row a pool. Whoever books locks it, last of all and once a batch: then places have no gaps.
book = Table(
    "book",
    METADATA,
    Column("pool", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The last voucher number of each year.
    Column("numbers", JSONB, nullable=False),
    Column("open_from", Date),
)

journal = Table(
    "journal",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_event_id", Uuid, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("accounting_on", Date, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False),
    Column("carries", Boolean, nullable=False),
    Column("reverses", Uuid),
    Column("facts_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The database's own time: lines may only be added in the transaction that wrote their journal.
    Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("pool", "sequence"),
    # The pool last: an index that begins with it would look right for finding a journal by pool and sequence.
    UniqueConstraint("year", "number", "pool"),
)
Index("ix_journal_source_event_id", journal.c.source_event_id)
# A journal is reversed once; few are.
Index("ix_journal_reverses", journal.c.reverses, unique=True, postgresql_where=journal.c.reverses.isnot(None))

# No foreign key to the journal: the trigger looks the journals of a statement up once, together.
line = Table(
    "line",
    METADATA,
    Column("pool", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("accounting_on", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scheme", Text),
    Column("payer", Text),
    Column("organization_id", Uuid),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "sequence", "number"),
    CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
)
Index("ix_line_account", line.c.pool, line.c.account, line.c.accounting_on, line.c.sequence)

# What an account moved on a day, in each county's book of each scheme ('' where a line names none).
daily_total = Table(
    "daily_total",
    METADATA,
    Column("pool", Text, nullable=False),
    Column("accounting_on", Date, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("carries", Boolean, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "accounting_on", "happened_on", "carries", "account", "county", "scheme"),
)

# A month that was closed at least once, as it stands now; every step is in the audit.
period = Table(
    "period",
    METADATA,
    Column("pool", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("status", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
    # Where the books stood when it closed.
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("reopening_asked_by", Text),
    Column("reopening_reason", Text),
    PrimaryKeyConstraint("pool", "month"),
    CheckConstraint("status IN ('closed', 'reopening', 'open')", name="status_known"),
)

draft = Table(
    "draft",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attachment", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("reverses", Uuid),
    Column("recurring_id", Uuid),
    Column("status", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("rejection_reason", Text),
    CheckConstraint("status IN ('entered', 'approved', 'rejected')", name="status_known"),
    CheckConstraint("decided_by <> entered_by", name="two_people"),
)
Index("ix_draft_pool_status", draft.c.pool, draft.c.status, draft.c.id)

# A manual journal that comes again every month; each month's is a draft of its own.
recurring = Table(
    "recurring",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("day_of_month", SmallInteger, nullable=False),
    Column("first_month", Date, nullable=False),
    Column("last_month", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attachment", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", DateTime(timezone=True), nullable=False),
)

# A projection that was asked for; `told_at` is the database's own time, by which it is known who is gone.
projection = Table(
    "projection",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("on", Date, nullable=False),
    Column("first_year", SmallInteger, nullable=False),
    Column("years", SmallInteger, nullable=False),
    Column("assumptions", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("done", SmallInteger, nullable=False),
    Column("total", SmallInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("told_at", DateTime(timezone=True)),
    Column("asked_by", Text, nullable=False),
    Column("asked_name", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("made_at", DateTime(timezone=True)),
    Column("problem", JSONB),
    CheckConstraint("status IN ('waiting', 'running', 'made', 'failed')", name="status_known"),
)
Index("ix_projection_pool", projection.c.pool, projection.c.id)
Index("ix_projection_open", projection.c.id, postgresql_where=text("status IN ('waiting', 'running')"))

# As it was made, in each form: JSON, a workbook, a document.
projection_file = Table(
    "projection_file",
    METADATA,
    Column("projection_id", Uuid, ForeignKey("projection.id"), nullable=False),
    Column("form", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("projection_id", "form"),
)
