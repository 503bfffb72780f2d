"""moves within a pool"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Who moved before moves were kept is known by what his row said earlier: he moved on the day when that was learned.
KNOWN_BEFORE = """
INSERT INTO county_move (person_id, since, from_county, recorded_at)
SELECT DISTINCT ON (owner_id, (replaced_at AT TIME ZONE 'Asia/Shanghai')::date)
    owner_id, (replaced_at AT TIME ZONE 'Asia/Shanghai')::date, left_county, replaced_at
FROM (
    SELECT version.id, owner_id, replaced_at, state ->> 'county' AS left_county,
        coalesce(lead(state ->> 'county') OVER (PARTITION BY owner_id ORDER BY version.id), person.county) AS next_county
    FROM version JOIN person ON person.id = version.owner_id
    WHERE version.subject = 'person'
) AS step
WHERE left_county <> next_county
ORDER BY owner_id, (replaced_at AT TIME ZONE 'Asia/Shanghai')::date, id
"""


def upgrade() -> None:
    op.create_table(
        "county_move",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("from_county", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("recorded_now()"), nullable=True),
        sa.PrimaryKeyConstraint("person_id", "since", name=op.f("pk_county_move")),
    )
    op.execute(KNOWN_BEFORE)
    op.execute(
        "CREATE TRIGGER person_id_exists AFTER INSERT ON county_move REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown('person_id', 'person')"
    )
    op.execute(
        "CREATE TRIGGER taken_out BEFORE DELETE ON county_move FOR EACH ROW"
        " EXECUTE FUNCTION keep_version('county_move', 'person_id')"
    )
    op.execute("GRANT SELECT, INSERT, DELETE ON county_move TO enrollment")


def downgrade() -> None:
    raise NotImplementedError("persons and money are never taken down; restore a backup instead")
