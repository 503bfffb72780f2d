"""whole cities sooner"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A first load insures everybody once. Such a coverage has no other to overlap with: it stands outside the exclusion
# constraint, which would look it up among all others for nothing, and a unique index says that it is the only one.
# Whoever brings another coverage to the person lets the first one in, so that from then on their days are compared.
# `alone` is true by default in the tables of a first load and cannot be made true anywhere else.
BESIDE_OTHERS = """
CREATE FUNCTION stand_beside_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A lock too: two who bring one each wait for one another here, and the constraint compares the two.
    UPDATE coverage SET alone = false
    WHERE pool = NEW.pool AND person_id = NEW.person_id AND alone AND id <> NEW.id;
    NEW.alone := false;
    RETURN NEW;
END $$;
CREATE TRIGGER beside_others BEFORE INSERT OR UPDATE OF person_id, pool, alone ON coverage
    FOR EACH ROW EXECUTE FUNCTION stand_beside_others();
"""
FIRST_LOAD = """
CREATE OR REPLACE FUNCTION begin_first_load(pool text) RETURNS void
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
    EXECUTE format('ALTER TABLE pools.%I ALTER COLUMN alone SET DEFAULT true', 'coverage_' || pool);
END $$;

CREATE OR REPLACE FUNCTION finish_first_load(pool text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET maintenance_work_mem = '256MB' AS $$
DECLARE
    person_table text := 'person_' || pool;
    coverage_table text := 'coverage_' || pool;
    unknown boolean;
BEGIN
    IF pool !~ '^[0-9]{6}$' THEN
        RAISE EXCEPTION 'not a pool: %', pool;
    END IF;
    EXECUTE format('REVOKE ALL ON pools.%I, pools.%I FROM enrollment', person_table, coverage_table);
    EXECUTE format('ALTER TABLE pools.%I ALTER COLUMN alone SET DEFAULT false', coverage_table);
    EXECUTE format('ALTER TABLE pools.%I ADD PRIMARY KEY (id, pool), ADD UNIQUE (pool, resident_number_index)',
        person_table);
    EXECUTE format('ALTER TABLE pools.%I ADD PRIMARY KEY (id, pool)', coverage_table);
    EXECUTE format('SELECT EXISTS (SELECT FROM pools.%I c WHERE NOT EXISTS (SELECT FROM pools.%I p WHERE p.id = c.person_id))',
        coverage_table, person_table) INTO unknown;
    IF unknown THEN
        RAISE EXCEPTION 'a coverage names a person who does not exist' USING ERRCODE = 'foreign_key_violation';
    END IF;
    EXECUTE format('CREATE INDEX ON pools.%I (person_id)', coverage_table);
    EXECUTE format('CREATE UNIQUE INDEX %I ON pools.%I (person_id) WHERE alone',
        'uq_' || coverage_table || '_alone', coverage_table);
    EXECUTE format('ALTER TABLE pools.%I ADD CONSTRAINT %I EXCLUDE USING gist ('
        'uuidrange(person_id, person_id, ''[]'') WITH =, daterange(start, "end", ''[]'') WITH &&) WHERE (NOT alone)',
        coverage_table, 'ex_' || coverage_table || '_days');
    EXECUTE format('ALTER TABLE public.person ATTACH PARTITION pools.%I FOR VALUES IN (%L)', person_table, pool);
    EXECUTE format('ALTER TABLE public.coverage ATTACH PARTITION pools.%I FOR VALUES IN (%L)', coverage_table, pool);
    -- With what they are parts of, which nothing else analyses: joins of a whole pool are planned by it.
    ANALYZE public.person, public.coverage;
END $$;
"""
# A foreign key asks for each due by itself, which costs as much as storing it: a statement's dues are proved at once.
# Rules are append-only, and a run with dues has totals, whose foreign key holds it.
REFERENCES = (("rule_id", "due_rule"), ("run_id", "contribution_run"))


def upgrade() -> None:
    op.add_column("coverage", sa.Column("alone", sa.Boolean(), server_default="false", nullable=False))
    op.execute(BESIDE_OTHERS)
    op.execute(FIRST_LOAD)
    for column, target in REFERENCES:
        op.drop_constraint(op.f(f"fk_due_{column}"), "due", type_="foreignkey")
        op.execute(
            f"CREATE TRIGGER {column}_exists AFTER INSERT ON due REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('{column}', '{target}')"
        )


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
