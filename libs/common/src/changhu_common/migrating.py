"""Migrations run as the role that owns a service's tables; the role that runs the service only uses them.

All services share one alembic environment; each has its own folder of versions and its own metadata.
"""

from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, pool, text

from changhu_common.spine import APPEND_ONLY


def migration_config(*, versions: Path, metadata: MetaData, url: str) -> Config:
    """An alembic configuration for one service's folder of versions; `url` is that of the owning role."""
    config = Config()
    config.set_main_option("script_location", "changhu_common:migration_frame")
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["metadata"] = metadata
    config.attributes["url"] = url
    return config


def migrate(*, versions: Path, metadata: MetaData, url: str) -> None:
    """Bring a service's tables to the newest version."""
    command.upgrade(migration_config(versions=versions, metadata=metadata, url=url), "head")


def run_migrations() -> None:
    """What the shared alembic environment does."""
    attributes = context.config.attributes
    with create_engine(attributes["url"], poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, target_metadata=attributes["metadata"], compare_type=True)
        with context.begin_transaction():
            # Two that migrate at once (two replicas starting) take turns.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
            context.run_migrations()


def grant_to_runtime(role: str, *, append_only: tuple[str, ...] = ()) -> None:
    """Let the role that runs the service use the tables that exist now.

    It may add to the append-only ones and never change or remove a row of them; of the outbox it
    may only set that a row was published. It owns nothing, so it can neither alter a table nor
    disable a trigger.
    """
    op.execute(f'GRANT USAGE ON SCHEMA public TO "{role}"')
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{role}"')
    op.execute(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    for table in (*APPEND_ONLY, *append_only):
        op.execute(f'REVOKE UPDATE, DELETE ON "{table}" FROM "{role}"')
    op.execute(f'REVOKE UPDATE, DELETE ON outbox FROM "{role}"')
    op.execute(f'GRANT UPDATE (published_at) ON outbox TO "{role}"')
    op.execute(f'REVOKE ALL ON alembic_version FROM "{role}"')


def refuse_changes(table: str) -> None:
    """Make a table append-only for everybody, its owner included."""
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"'
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
