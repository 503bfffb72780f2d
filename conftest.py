"""What every suite shares is real: one PostgreSQL and one Kafka a session, started when first asked for."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from changhu_standalone.postgres import EmbeddedPostgres
from hypothesis import settings
from psycopg import sql

from tests.support.kafka import Broker, Cluster, KafkaUnavailable, find_broker

pytest_plugins = ["tests.support.running"]

# How long an example takes says how busy the machine is, not whether the rule holds.
settings.register_profile("changhu", deadline=None)
settings.load_profile("changhu")

FreshDatabase = Callable[..., str]


# Databases are copied for each test and thrown away after it: in memory that takes a tenth of the time.
IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of one's own in it, as in /tmp)
MEMORY_BYTES_MIN = 4 * 1024**3


def _memory_or_disk() -> Path:
    enough = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= MEMORY_BYTES_MIN
    return IN_MEMORY if enough else Path(tempfile.gettempdir())


def _session_folder(what: str, root: Path = Path(tempfile.gettempdir())) -> Path:
    """A short path, not pytest's own, which no other user may walk through; killed sessions' rubbish goes."""
    for left in root.glob(f"changhu-{what}-*"):
        pid = left.name.rsplit("-", 1)[1]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f"changhu-{what}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server. Tests take databases of their own from `fresh_database`."""
    folder = _session_folder("postgres", _memory_or_disk())
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fresh_database(postgres: EmbeddedPostgres) -> FreshDatabase:
    """Make an empty database whose name starts as asked, and return its name; it goes with the server, or before.

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


@pytest.fixture(scope="session")
def kafka_protocol() -> Iterator[Broker]:
    """A broker that at least speaks the protocol: a real one, else the mock. For the bus adapter's own suite."""
    folder = _session_folder("kafka")
    with find_broker(folder) as broker:
        yield broker
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def kafka(kafka_protocol: Broker) -> Broker:
    """A real broker; where there is none, the test is skipped with the reason (CHANGHU_REQUIRE_KAFKA=1: fails)."""
    if not kafka_protocol.real:
        pytest.skip(kafka_protocol.how)
    return kafka_protocol


@pytest.fixture
def kafka_cluster() -> Iterator[Cluster]:
    """Three brokers of which one may die. New for each test, because tests kill them."""
    folder = _session_folder("kafka-cluster")
    try:
        with Cluster(folder / "kafka") as cluster:
            yield cluster
    except KafkaUnavailable as reason:
        if os.environ.get("CHANGHU_REQUIRE_KAFKA") == "1":
            raise
        pytest.skip(f"no three brokers: {reason}")
    finally:
        shutil.rmtree(folder)
