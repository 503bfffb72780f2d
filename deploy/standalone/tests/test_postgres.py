"""The embedded server and what befalls it: real processes, real SIGKILLs, and a start that must work after each."""

import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from changhu_standalone.postgres import SOCKET_PATH_BYTES_MAX, EmbeddedPostgres, PostgresDidNotStart
from sqlalchemy import NullPool, create_engine, text

SECONDS_MAX = 60

OWNER = """
import sys, time
from pathlib import Path
from changhu_standalone.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""

Owner = subprocess.Popen[str]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: each session of pytest closes that to other users again, and PostgreSQL may be one."""
    made = Path(tempfile.mkdtemp(prefix="changhu-embedded-"))
    yield made
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd().startswith(f"{made}/"):
                process.send_signal(signal.SIGQUIT)
    shutil.rmtree(made)


@pytest.fixture
def run_owner() -> Iterator[Callable[[Path], Owner]]:
    """Start a program that brings the server up in its own process group, prints its pid, and waits."""
    owners: list[Owner] = []

    def run(data: Path) -> Owner:
        command = [sys.executable, "-c", OWNER, str(data)]
        owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        owners.append(owner)
        return owner

    yield run
    for owner in owners:
        owner.kill()
        owner.communicate()


def server_pid(owner: Owner) -> int:
    assert owner.stdout is not None
    return int(owner.stdout.readline())


def kill_group(owner: Owner) -> None:
    os.killpg(owner.pid, signal.SIGKILL)
    owner.wait()


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def initdb_is_under_way(folder: Path) -> bool:
    return any(folder.glob("initializing-*/base"))


def note(server: EmbeddedPostgres, words: str) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [words])


def notes(server: EmbeddedPostgres) -> list[str]:
    with server.connect() as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note")]


def test_server_is_reached_through_a_private_socket_alone(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        with server.connect() as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700


def test_text_is_utf8_and_sorts_by_code_point(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server, server.connect() as connection:
        query = "SELECT getdatabaseencoding(), array_agg(w ORDER BY w) FROM unnest(ARRAY['护', 'b', '长', 'B']) w"
        assert connection.execute(query).fetchone() == ("UTF8", ["B", "b", "护", "长"])


def test_commits_outlive_a_stop(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        note(server, "kept")
    assert server.pid is None
    with EmbeddedPostgres(folder) as server:
        assert notes(server) == ["kept"]


def test_socket_path_stays_short_however_deep_the_folder(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep) as server:
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        note(server, "answered")
    assert not server.socket_dir.exists()


def test_short_socket_path_made_by_somebody_else_is_refused(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("d" * 60) / ("e" * 60))
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    server.socket_dir.symlink_to(elsewhere)
    try:
        with pytest.raises(PostgresDidNotStart, match="somebody else"):
            server.start()
    finally:
        server.socket_dir.unlink()


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15, 0.3])
def test_kill_of_the_whole_group_during_initdb_leaves_a_folder_that_starts(
    folder: Path, run_owner: Callable[[Path], Owner], delay: float
) -> None:
    owner = run_owner(folder)
    wait_until(lambda: initdb_is_under_way(folder))
    time.sleep(delay)
    kill_group(owner)
    with EmbeddedPostgres(folder) as server:
        note(server, "answered")
    assert not list(folder.glob("initializing-*"))


def test_kill_of_the_parent_alone_during_initdb_leaves_a_folder_that_starts(
    folder: Path, run_owner: Callable[[Path], Owner]
) -> None:
    owner = run_owner(folder)
    wait_until(lambda: initdb_is_under_way(folder))
    owner.kill()
    with EmbeddedPostgres(folder) as server:
        note(server, "answered")
    assert not list(folder.glob("initializing-*"))


def test_server_of_a_killed_owner_is_found_again(folder: Path, run_owner: Callable[[Path], Owner]) -> None:
    owner = run_owner(folder)
    earlier = server_pid(owner)
    kill_group(owner)
    with EmbeddedPostgres(folder) as server:
        assert server.pid == earlier
    assert server.pid is None


def test_killed_server_starts_again_at_once_with_every_commit(folder: Path, run_owner: Callable[[Path], Owner]) -> None:
    owner = run_owner(folder)
    postmaster = server_pid(owner)
    note(EmbeddedPostgres(folder), "committed")
    owner.kill()
    os.kill(postmaster, signal.SIGKILL)  # its children are still leaving while the next one comes
    with EmbeddedPostgres(folder) as server:
        assert notes(server) == ["committed"]


@pytest.mark.parametrize("named", ["ourselves", "a zombie", "nonsense"])
def test_stale_pid_file_keeps_nobody_out(folder: Path, named: str) -> None:
    with EmbeddedPostgres(folder) as server:
        live = (server.cluster / "postmaster.pid").read_text().splitlines()
        sockets_lock = (server.socket_dir / ".s.PGSQL.5432.lock").read_text().splitlines()
    with subprocess.Popen(["true"]) as zombie:
        wait_until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
        pid = {"ourselves": str(os.getpid()), "a zombie": str(zombie.pid), "nonsense": "postmaster"}[named]
        server.socket_dir.mkdir(mode=0o700)
        (server.cluster / "postmaster.pid").write_text("\n".join([pid, *live[1:]]))
        (server.socket_dir / ".s.PGSQL.5432.lock").write_text("\n".join([pid, *sockets_lock[1:]]))
        with EmbeddedPostgres(folder) as server:
            note(server, "answered")


def test_two_starters_share_one_server_and_the_last_to_leave_stops_it(
    folder: Path, run_owner: Callable[[Path], Owner]
) -> None:
    owners = [run_owner(folder), run_owner(folder)]
    first, second = (server_pid(owner) for owner in owners)
    assert first == second
    owners[0].send_signal(signal.SIGTERM)
    owners[0].wait(SECONDS_MAX)
    server = EmbeddedPostgres(folder)
    assert server.pid == first
    owners[1].send_signal(signal.SIGTERM)
    owners[1].wait(SECONDS_MAX)
    assert server.pid is None


def test_sigterm_ends_the_owner_and_its_server(folder: Path, run_owner: Callable[[Path], Owner]) -> None:
    owner = run_owner(folder)
    postmaster = server_pid(owner)
    owner.terminate()
    assert owner.wait(SECONDS_MAX) == 128 + signal.SIGTERM
    assert not psutil.pid_exists(postmaster)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


def test_throw_away_server_dies_with_its_owner(folder: Path) -> None:
    program = OWNER.replace("Path(sys.argv[1])", "Path(sys.argv[1]), durable=False")
    owner = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    with owner:
        server_pid(owner)
        owner.kill()
    wait_until(lambda: EmbeddedPostgres(folder).pid is None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_ordinary_user_needs_nothing_of_root(folder: Path) -> None:
    nobody = 65534
    os.chown(folder, nobody, nobody)

    def own() -> None:
        os.setgroups([])
        os.setgid(nobody)
        os.setuid(nobody)
        with EmbeddedPostgres(folder) as server:
            note(server, "answered")

    # A fork, because the interpreter itself may lie where nobody but root can read it.
    owner = multiprocessing.get_context("fork").Process(target=own)
    owner.start()
    owner.join(SECONDS_MAX)
    assert owner.exitcode == 0
    assert (folder / "cluster").stat().st_uid == nobody


def test_server_that_cannot_start_says_why(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        pass
    (server.cluster / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(PostgresDidNotStart, match="incompatible"):
        server.start()


@pytest.mark.parametrize("name", ["plain", "with a space", "县, 市: 长护"])
def test_address_serves_libpq_and_sqlalchemy(folder: Path, name: str) -> None:
    with EmbeddedPostgres(folder / name) as server:
        with server.connect() as connection:
            connection.execute("CREATE ROLE ledger LOGIN")
        with psycopg.connect(server.url("postgres", "ledger")) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("ledger",)
        engine = create_engine(server.url("postgres", "ledger", driver="psycopg"), poolclass=NullPool)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_user")).scalar() == "ledger"


@pytest.mark.parametrize("name", ["psql", "pg_dump", "pg_restore", "pgbench"])
def test_package_brings_the_tools(name: str) -> None:
    assert os.access(EmbeddedPostgres.binary(name), os.X_OK)
