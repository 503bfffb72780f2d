"""coming of age"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A coverage that goes over to another record is another number's: its day is found out anew.
ANOTHER_NUMBER = """
CREATE FUNCTION find_age_out_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.of_age_on := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER another_number BEFORE UPDATE OF person_id ON coverage
    FOR EACH ROW WHEN (OLD.person_id <> NEW.person_id) EXECUTE FUNCTION find_age_out_anew();
"""


def upgrade() -> None:
    op.add_column("coverage", sa.Column("of_age_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_coverage_of_age_on", "coverage", ["of_age_on"], unique=False, postgresql_where=sa.text("category = 'minor'")
    )
    op.create_table(
        "age_rule",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("said", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("pool", "category", name=op.f("pk_age_rule")),
    )
    op.execute(ANOTHER_NUMBER)
    op.execute("GRANT SELECT, INSERT, UPDATE ON age_rule TO enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
