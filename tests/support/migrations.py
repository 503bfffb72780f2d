"""`python -m tests.support.migrations SERVICE "message"`: write a service's next migration from its tables.

It compares the tables with a database migrated so far, on a server of its own.
"""

import importlib
import sys
import tempfile
from pathlib import Path

from alembic import command
from changhu_common.migrating import migration_config
from changhu_common.provisioning import provision
from changhu_common.service import Service
from changhu_standalone.postgres import EmbeddedPostgres


def assert_migrated(service: Service, server: EmbeddedPostgres, database: str) -> None:
    """Fail where the tables in code and those that the migrations make (in `database`) differ."""
    url = server.url(database, f"{service.database}_owner", driver="psycopg")
    command.check(migration_config(versions=service.migrations, metadata=service.metadata, url=url))


def main(name: str, message: str) -> None:
    service: Service = importlib.import_module(f"{name.replace('-', '_')}.app").SERVICE
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder), durable=False) as server:
        with server.connect() as connection:
            provision(connection, name=service.database, owner_password=None, runtime_password=None)
        url = server.url(service.database, f"{service.database}_owner", driver="psycopg")
        config = migration_config(versions=service.migrations, metadata=service.metadata, url=url)
        command.upgrade(config, "head")
        number = len(list(service.migrations.glob("*.py"))) + 1
        command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    main(*sys.argv[1:])
