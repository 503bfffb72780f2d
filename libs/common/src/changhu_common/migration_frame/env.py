"""What alembic runs for every service; the metadata comes in with the configuration."""

from changhu_common.migrating import run_migrations

run_migrations()
