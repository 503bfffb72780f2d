"""a partition for each pool's first load"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from changhu_common.migrating import grant_to_runtime, refuse_changes
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What the old tables hold stays where it is: they become the partitions of the pools that have none of their own.
PARTITION_BY_POOL = """
ALTER TABLE coverage DROP CONSTRAINT fk_coverage_person_id;
ALTER TABLE suspension DROP CONSTRAINT fk_suspension_person_id;
ALTER TABLE other_benefit DROP CONSTRAINT fk_other_benefit_person_id;
ALTER TABLE hospital_stay DROP CONSTRAINT fk_hospital_stay_person_id;
ALTER TABLE due DROP CONSTRAINT fk_due_person_id;
ALTER TABLE contribution_base DROP CONSTRAINT fk_contribution_base_coverage_id;

ALTER TABLE person ADD COLUMN identity_index bytea;
ALTER TABLE coverage ADD COLUMN pool text;
UPDATE coverage SET pool = person.pool FROM person WHERE person.id = coverage.person_id;
ALTER TABLE coverage ALTER COLUMN pool SET NOT NULL;
ALTER TABLE person DROP CONSTRAINT pk_person;
ALTER TABLE coverage DROP CONSTRAINT pk_coverage;
DROP INDEX ix_person_pool_id;

CREATE SCHEMA pools;
ALTER TABLE person SET SCHEMA pools;
ALTER TABLE coverage SET SCHEMA pools;
ALTER TABLE pools.person RENAME TO person_others;
ALTER TABLE pools.coverage RENAME TO coverage_others;
ALTER INDEX pools.uq_person_pool_resident_number_index RENAME TO person_others_pool_resident_number_index_key;
ALTER INDEX pools.ix_coverage_person_id RENAME TO coverage_others_person_id_idx;

CREATE TABLE person (LIKE pools.person_others) PARTITION BY LIST (pool);
ALTER TABLE person
    ADD CONSTRAINT pk_person PRIMARY KEY (id, pool),
    ADD CONSTRAINT uq_person_pool_resident_number_index UNIQUE (pool, resident_number_index);
ALTER TABLE person ATTACH PARTITION pools.person_others DEFAULT;

CREATE TABLE coverage (LIKE pools.coverage_others) PARTITION BY LIST (pool);
ALTER TABLE coverage
    ADD CONSTRAINT pk_coverage PRIMARY KEY (id, pool),
    ADD CONSTRAINT ck_coverage_in_order CHECK ("end" >= start);
CREATE INDEX ix_coverage_person_id ON coverage (person_id);
ALTER TABLE coverage ATTACH PARTITION pools.coverage_others DEFAULT;
"""

# A pool's first load fills two plain tables, beside those that others read and write, and only then joins them.
# The role that runs the service owns nothing; these two functions are all that it may do to a table.
FIRST_LOAD = """
CREATE FUNCTION begin_first_load(pool text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    parent text;
BEGIN
    IF pool !~ '^[0-9]{6}$' THEN
        RAISE EXCEPTION 'not a pool: %', pool;
    END IF;
    FOREACH parent IN ARRAY ARRAY['person', 'coverage'] LOOP
        EXECUTE format('CREATE TABLE pools.%I (LIKE public.%I INCLUDING CONSTRAINTS INCLUDING DEFAULTS, CONSTRAINT of_pool CHECK (pool = %L))',
            parent || '_' || pool, parent, pool);
        EXECUTE format('GRANT SELECT, INSERT ON pools.%I TO enrollment', parent || '_' || pool);
    END LOOP;
END $$;

CREATE FUNCTION finish_first_load(pool text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET maintenance_work_mem = '256MB' AS $$
DECLARE
    person_table text := 'person_' || pool;
    coverage_table text := 'coverage_' || pool;
    unknown boolean;
BEGIN
    IF pool !~ '^[0-9]{6}$' THEN
        RAISE EXCEPTION 'not a pool: %', pool;
    END IF;
    EXECUTE format('ALTER TABLE pools.%I ADD PRIMARY KEY (id, pool), ADD UNIQUE (pool, resident_number_index)',
        person_table);
    EXECUTE format('ALTER TABLE pools.%I ADD PRIMARY KEY (id, pool)', coverage_table);
    EXECUTE format('SELECT EXISTS (SELECT FROM pools.%I c WHERE NOT EXISTS (SELECT FROM pools.%I p WHERE p.id = c.person_id))',
        coverage_table, person_table) INTO unknown;
    IF unknown THEN
        RAISE EXCEPTION 'a coverage names a person who does not exist' USING ERRCODE = 'foreign_key_violation';
    END IF;
    EXECUTE format('CREATE INDEX ON pools.%I (person_id)', coverage_table);
    EXECUTE format('ALTER TABLE pools.%I ADD CONSTRAINT %I EXCLUDE USING gist ('
        'uuidrange(person_id, person_id, ''[]'') WITH =, daterange(start, "end", ''[]'') WITH &&)',
        coverage_table, 'ex_' || coverage_table || '_days');
    EXECUTE format('ANALYZE pools.%I', person_table);
    EXECUTE format('ANALYZE pools.%I', coverage_table);
    EXECUTE format('ALTER TABLE public.person ATTACH PARTITION pools.%I FOR VALUES IN (%L)', person_table, pool);
    EXECUTE format('ALTER TABLE public.coverage ATTACH PARTITION pools.%I FOR VALUES IN (%L)', coverage_table, pool);
    EXECUTE format('REVOKE ALL ON pools.%I, pools.%I FROM enrollment', person_table, coverage_table);
END $$;

REVOKE ALL ON FUNCTION begin_first_load, finish_first_load FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_first_load, finish_first_load TO enrollment;
GRANT USAGE ON SCHEMA pools TO enrollment;
"""

# What a partitioned table cannot be the target of, a statement proves for all of its rows at once.
REFERENCE = """
CREATE FUNCTION refuse_unknown() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unknown boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM added WHERE NOT EXISTS (SELECT FROM %I WHERE id = added.%I))',
        TG_ARGV[1], TG_ARGV[0]) INTO unknown;
    IF unknown THEN
        RAISE EXCEPTION '% names a % that does not exist', TG_TABLE_NAME, TG_ARGV[1]
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$
"""
REFERENCES = (
    ("coverage", "person_id", "person"),
    ("suspension", "person_id", "person"),
    ("other_benefit", "person_id", "person"),
    ("hospital_stay", "person_id", "person"),
    ("due", "person_id", "person"),
    ("contribution_base", "coverage_id", "coverage"),
)


def upgrade() -> None:
    op.execute(PARTITION_BY_POOL)
    op.execute(FIRST_LOAD)
    op.execute(REFERENCE)
    for table, column, target in REFERENCES:
        op.execute(
            f"CREATE TRIGGER {column}_exists AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('{column}', '{target}')"
        )
    # One rule for everybody who was counted by it, instead of an explanation in each due.
    op.create_table(
        "due_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_rule")),
    )
    refuse_changes("due_rule")
    op.add_column("due", sa.Column("rule_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_due_rule_id"), "due", "due_rule", ["rule_id"], ["id"])
    op.alter_column("due", "pack_version", nullable=True)
    op.create_table(
        "import_part",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["person_import.id"], name=op.f("fk_import_part_import_id")),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_part")),
    )
    op.execute("ALTER TABLE import_part ALTER COLUMN content SET STORAGE EXTERNAL")
    for column in (
        sa.Column("form", sa.Text(), nullable=False, server_default="csv"),
        sa.Column("status", sa.Text(), nullable=False, server_default="done"),
        sa.Column("origin", sa.Text(), nullable=False, server_default="unknown"),
        sa.Column("scope", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"),
        sa.Column("checked", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("written", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("refusal", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    ):
        op.add_column("person_import", column)
    op.create_index("ix_person_import_waiting", "person_import", ["id"], postgresql_where=sa.text("status = 'waiting'"))
    append_only = ("due", "receipt", "startup_money", "due_rule")
    grant_to_runtime("enrollment", append_only=append_only)
    op.execute("REVOKE DELETE ON person, coverage FROM enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
