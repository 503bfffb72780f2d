"""What every suite shares is real: one PostgreSQL and one Kafka a session, started when first asked for."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from changhu_standalone.postgres import EmbeddedPostgres
from psycopg import sql

FreshDatabase = Callable[..., str]


def _session_folder(what: str) -> Path:
    """A short path, not pytest's own, which no other user may walk through; killed sessions' rubbish goes."""
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"changhu-{what}-*"):
        if not psutil.pid_exists(int(left.name.rsplit("-", 1)[1])):
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f"changhu-{what}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server. Tests take databases of their own from `fresh_database`."""
    folder = _session_folder("postgres")
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fresh_database(postgres: EmbeddedPostgres) -> FreshDatabase:
    """Make an empty database whose name starts as asked, and return its name; it goes with the server.

    `template=` copies a database that nobody is connected to, for suites that migrate once and start often.
    """
    numbers = itertools.count(1)

    def make(prefix: str = "test", *, template: str = "template0") -> str:
        name = f"{prefix}_{next(numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        with postgres.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    return make
