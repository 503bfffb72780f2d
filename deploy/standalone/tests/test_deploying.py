"""`changhu provision` and `changhu migrate` on a server that lets nobody in without a password."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from changhu_standalone.cli import app, deploying
from changhu_standalone.deployment import SERVICES
from changhu_standalone.postgres import SUPERUSER, EmbeddedPostgres
from typer.testing import CliRunner, Result

SUPERUSER_PASSWORD = "of-the-superuser"
LEDGER = next(service for service in SERVICES if service.name == "fund-ledger")


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedPostgres]:
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="changhu-"))
        server = held.enter_context(EmbeddedPostgres(Path(folder), durable=False))
        with server.connect() as connection:
            connection.execute(f"ALTER ROLE {SUPERUSER} PASSWORD '{SUPERUSER_PASSWORD}'")
            (server.cluster / "pg_hba.conf").write_text("local all all scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        while not _refuses_without_password(server):
            time.sleep(0.02)
        yield server


def _refuses_without_password(server: EmbeddedPostgres) -> bool:
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return True
    return False


def url(server: EmbeddedPostgres, user: str, password: str, database: str, driver: str | None = None) -> str:
    return server.url(database, user, driver=driver).replace(f"//{user}@", f"//{user}:{password}@")


@pytest.fixture
def deployment(guarded: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPostgres:
    """The server, and an environment in which every variable of both commands is set and right."""
    monkeypatch.setenv(deploying.SUPERUSER_URL, url(guarded, SUPERUSER, SUPERUSER_PASSWORD, "postgres"))
    for service in SERVICES:
        owner, password = f"{service.database}_owner", f"{service.database}-owner-word"
        monkeypatch.setenv(deploying.owner_password(service), password)
        monkeypatch.setenv(deploying.runtime_password(service), f"{service.database}-word")
        address = url(guarded, owner, password, service.database, driver="psycopg")
        monkeypatch.setenv(deploying.migration_url(service), address)
    return guarded


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_every_service_gets_its_database_and_both_commands_may_be_repeated(deployment: EmbeddedPostgres) -> None:
    for command in ("provision", "provision", "migrate", "migrate"):
        result = run(command)
        assert result.exit_code == 0, result.output
        assert all(service.name in result.stdout for service in SERVICES)
    for service in SERVICES:
        with psycopg.connect(url(deployment, service.database, f"{service.database}-word", service.database)) as runs:
            assert runs.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_a_service_s_role_can_neither_make_a_table_nor_enter_another_database(deployment: EmbeddedPostgres) -> None:
    run("provision")
    run("migrate", LEDGER.name)
    ledger = url(deployment, LEDGER.database, f"{LEDGER.database}-word", LEDGER.database)
    with psycopg.connect(ledger) as runs, pytest.raises(psycopg.errors.InsufficientPrivilege):
        runs.execute("CREATE TABLE more (id int)")
    with psycopg.connect(ledger) as runs, pytest.raises(psycopg.errors.InsufficientPrivilege):
        runs.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url(deployment, LEDGER.database, f"{LEDGER.database}-word", "enrollment"))


def test_provisioning_again_sets_the_passwords_that_are_now_given(
    deployment: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("provision", LEDGER.name)
    monkeypatch.setenv(deploying.runtime_password(LEDGER), "a-new-word")
    assert run("provision", LEDGER.name).exit_code == 0
    psycopg.connect(url(deployment, LEDGER.database, "a-new-word", LEDGER.database)).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url(deployment, LEDGER.database, f"{LEDGER.database}-word", LEDGER.database))


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("provision", deploying.SUPERUSER_URL),
        ("provision", deploying.owner_password(LEDGER)),
        ("provision", deploying.runtime_password(LEDGER)),
        ("migrate", deploying.migration_url(LEDGER)),
    ],
)
def test_a_variable_that_is_missing_or_empty_is_named(
    command: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for empty in (False, True):
        monkeypatch.setenv(variable, "") if empty else monkeypatch.delenv(variable)
        result = run(command, LEDGER.name)
        assert (result.exit_code, result.stdout) == (1, "")
        assert variable in result.stderr


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    ("command", "variable"),
    [("provision", deploying.SUPERUSER_URL), ("migrate", deploying.migration_url(LEDGER))],
)
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres:se:cret@word@127.0.0.1:none/x",
        "mysql://root:secret@127.0.0.1/x",
        "secret",
        "postgresql://postgres:secret@127.0.0.1:1/x",
    ],
)
def test_an_address_that_is_wrong_is_named_and_its_password_is_not_told(
    command: str, variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    result = run(command, LEDGER.name)
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert variable in result.stderr
    assert not [part for part in ("secret", "cret", "word@") if part in result.output]


@pytest.mark.usefixtures("deployment")
def test_a_wrong_password_is_refused_with_the_variable_s_name(
    deployment: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(deploying.SUPERUSER_URL, url(deployment, SUPERUSER, "no-such-word", "postgres"))
    result = run("provision", LEDGER.name)
    assert (result.exit_code, "no-such-word" in result.output) == (1, False)
    assert deploying.SUPERUSER_URL in result.stderr
    assert "password authentication failed" in result.stderr


def test_a_service_that_does_not_exist_is_refused_with_those_that_do() -> None:
    result = run("migrate", "ledger")
    assert result.exit_code == 1
    assert "ledger" in result.stderr
    assert LEDGER.name in result.stderr
