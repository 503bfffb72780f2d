"""notes"""

from alembic import context, op
from changhu_common.migrating import grant_to_runtime

revision = "0001"
down_revision = None


def upgrade() -> None:
    context.config.attributes["metadata"].create_all(op.get_bind())
    grant_to_runtime("notes")
