"""earlier versions"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The moment is the service's, where it tells one: a deployment may stand on a clock of its own.
RECORDED_NOW = """
CREATE FUNCTION recorded_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('changhu.now', true), '')::timestamptz, now())
$$
"""
# Who it is stays out: a version says what held, never about whom.
KEEP_VERSION = """
CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    state jsonb := to_jsonb(OLD)
        - ARRAY['name', 'resident_number', 'resident_number_index', 'identity_index', 'phone', 'recorded_at'];
BEGIN
    INSERT INTO version (subject, owner_id, recorded_at, replaced_at, state, reason)
    VALUES (TG_ARGV[0], (state ->> TG_ARGV[1])::uuid, OLD.recorded_at, recorded_now(), state,
        nullif(current_setting('changhu.reason', true), ''));
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.recorded_at := recorded_now();
    RETURN NEW;
END $$
"""
# What is counted for the telling (a revision) or sealed anew (a key) changes nothing that held.
VERSIONED = {
    "person": ("id", "county", "marks", "family_account", "died_on"),
    "coverage": ("person_id", "category", "start", "end"),
    "contribution_base": ("coverage_id", "base_fen"),
    "suspension": ("person_id", "start", "end", "reason"),
    "other_benefit": ("person_id", "kind", "start", "end", "void_reason"),
    "hospital_stay": ("person_id", "start", "end", "void_reason"),
}


def upgrade() -> None:
    op.create_table(
        "version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
    )
    op.create_index("ix_version_owner_id", "version", ["owner_id"], unique=False)
    refuse_changes("version")
    op.execute(RECORDED_NOW)
    op.execute(KEEP_VERSION)
    for table, (owner, *kept) in VERSIONED.items():
        # Two steps: rows that are there already keep no moment instead of getting that of the migration.
        op.execute(f"ALTER TABLE {table} ADD COLUMN recorded_at timestamptz")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN recorded_at SET DEFAULT recorded_now()")
        changed = " OR ".join(f'OLD."{each}" IS DISTINCT FROM NEW."{each}"' for each in (owner, *kept))
        keep = f"EXECUTE FUNCTION keep_version('{table}', '{owner}')"
        op.execute(f"CREATE TRIGGER changed BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed}) {keep}")
        op.execute(f"CREATE TRIGGER taken_out BEFORE DELETE ON {table} FOR EACH ROW {keep}")
    append_only = ("due", "receipt", "startup_money", "due_rule", "difference", "person_receipt", "version")
    grant_to_runtime("enrollment", append_only=append_only)
    # A coverage may go now, because it goes into its versions.
    op.execute("REVOKE DELETE ON person FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
