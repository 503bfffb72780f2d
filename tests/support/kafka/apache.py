"""Apache Kafka itself, from its published jars, on loopback: the broker that production runs, without Docker.

A node lives as long as the process that started it. What it stored is thrown away with the test's folder.
"""

import atexit
import contextlib
import ctypes
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build"  # ignored by git; `make clean` and a fresh clone only cost a download
JARS = BUILD / "kafka-4.3.0"

JAVA_VERSION_MIN = 17  # Kafka 4's own minimum for a broker
FETCH_SECONDS_MAX = 300  # 44 MB over a slow line
FORMAT_SECONDS_MAX = 60
START_SECONDS_MAX = 90  # three JVMs on two busy cores; one alone takes three seconds
POLL_SECONDS = 0.05
PORTS = range(20_000, 30_000)  # below what Linux and macOS give to clients

# A small heap and the first compiler only: the start is what tests wait for, not the last message per second.
JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
LOGGING = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")


class KafkaUnavailable(RuntimeError):
    """There is no Apache Kafka to be had here; the message says why."""


def find_java() -> str:
    """The Java that can run a broker."""
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailable("no java on the PATH")
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found[1]) < JAVA_VERSION_MIN:
        first_line = version.partition("\n")[0]
        raise KafkaUnavailable(f"Java {JAVA_VERSION_MIN} or later is needed, found: {first_line or java}")
    return java


def fetch_jars() -> Path:
    """Kafka's jars, from Maven once per clone; several sessions may ask at the same time."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "kafka.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if JARS.exists():
            return JARS
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaUnavailable("no mvn on the PATH to fetch Apache Kafka with")
        half = Path(tempfile.mkdtemp(prefix="kafka-fetching-", dir=BUILD))
        command = [maven, "--batch-mode", "--no-transfer-progress", "--file", str(HERE / "pom.xml")]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={half}"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=FETCH_SECONDS_MAX,
                check=False,
            )
            if done.returncode != 0:
                errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
                raise KafkaUnavailable(f"Maven could not fetch Apache Kafka: {' '.join(errors[:3])}")
            half.rename(JARS)
        except subprocess.TimeoutExpired:
            raise KafkaUnavailable(f"Maven did not fetch Apache Kafka in {FETCH_SECONDS_MAX} s") from None
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return JARS


class Cluster:
    """Apache Kafka nodes in one quorum, each broker and controller in one process, numbered from 0.

    Three nodes keep three copies of everything and confirm a write once two have it, so one may die.
    """

    def __init__(self, folder: Path, *, nodes: int = 3) -> None:
        self._java = find_java()
        self._jars = fetch_jars()
        self._folder = folder
        ports = _free_ports(2 * nodes)
        self._broker_ports, self._controller_ports = ports[:nodes], ports[nodes:]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * nodes

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes, dead ones too, as a deployment's configuration would list them."""
        return ",".join(f"127.0.0.1:{port}" for port in self._broker_ports)

    def address(self, index: int) -> str:
        return f"127.0.0.1:{self._broker_ports[index]}"

    def pid(self, index: int) -> int | None:
        process = self._processes[index]
        return process.pid if process else None

    def __enter__(self) -> Self:
        atexit.register(self.close)
        try:
            self._format()
            for index in range(len(self._processes)):
                self._spawn(index)
            self._wait_for(range(len(self._processes)))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every node. SIGKILL, because nobody will read what an orderly stop would write."""
        for index in range(len(self._processes)):
            self.kill(index)
        atexit.unregister(self.close)

    def kill(self, index: int) -> None:
        """SIGKILL one node, as the power supply would."""
        process = self._processes[index]
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._processes[index] = None

    def start(self, index: int) -> None:
        """Start a killed node on its old address and what it had stored; return when it answers and is known."""
        if self._processes[index] is None:
            self._spawn(index)
            self._wait_for([index])

    def wait_until_in_sync(self, topic: str) -> None:
        """Return when every partition of the topic has all its copies again, so that the next one may die."""
        deadline = time.monotonic() + START_SECONDS_MAX
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        while time.monotonic() < deadline:
            partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions.values()
            if partitions and all(len(part.isrs) == len(part.replicas) for part in partitions):
                return
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"{topic} was not in sync after {START_SECONDS_MAX} s")

    # -- processes

    def _command(self, main: str, *arguments: str) -> list[str]:
        return [self._java, *JVM, *LOGGING, "-cp", f"{self._jars}/*", main, *arguments]

    def _node_folder(self, index: int) -> Path:
        return self._folder / f"node-{index}"

    def _format(self) -> None:
        """Write each node's properties and let Kafka's own tool lay out its storage, all nodes at once."""
        nodes = len(self._processes)
        voters = ",".join(f"{index}@127.0.0.1:{port}" for index, port in enumerate(self._controller_ports))
        template = Template((HERE / "server.properties").read_text())
        formatting = []
        for index in range(nodes):
            folder = self._node_folder(index)
            folder.mkdir(parents=True)
            properties = template.substitute(
                node=index,
                voters=voters,
                broker_port=self._broker_ports[index],
                controller_port=self._controller_ports[index],
                folder=folder,
                replicas=min(nodes, 3),
                in_sync=2 if nodes >= 3 else 1,
            )
            (folder / "server.properties").write_text(properties)
            cluster_id = "Y2hhbmdodS10ZXN0cy1vbg"  # any 16 bytes, the same for all nodes
            config = str(folder / "server.properties")
            command = self._command("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", config)
            formatting.append(self._popen(index, command))
        for index, process in enumerate(formatting):
            if process.wait(timeout=FORMAT_SECONDS_MAX) != 0:
                raise KafkaUnavailable(self._report(index, "could not format its storage"))

    def _spawn(self, index: int) -> None:
        config = str(self._node_folder(index) / "server.properties")
        self._processes[index] = self._popen(index, self._command("kafka.Kafka", config))

    def _popen(self, index: int, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._node_folder(index) / "kafka.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._node_folder(index),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the test, which still wants to talk to its broker
                preexec_fn=_die_with_parent,
            )

    def _wait_for(self, indices: Iterable[int]) -> None:
        """Return when each node answers by itself and knows as many brokers as are running."""
        deadline = time.monotonic() + START_SECONDS_MAX
        running = sum(process is not None for process in self._processes)
        for index in indices:
            while True:
                process = self._processes[index]
                if process is None or process.poll() is not None:
                    raise KafkaUnavailable(self._report(index, "ended while starting"))
                known = known_brokers(self.address(index))
                if index in known and len(known) >= running:
                    break
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(self._report(index, f"did not answer in {START_SECONDS_MAX} s"))
                time.sleep(POLL_SECONDS)

    def _report(self, index: int, what: str) -> str:
        log = self._node_folder(index) / "kafka.log"
        tail = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
        return "\n".join([f"Kafka node {index} {what}; the end of its log:", *tail])


def known_brokers(bootstrap: str, *, seconds: float = 1.0) -> set[int]:
    """The brokers of the cluster as this address tells them; none where it does not answer."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return set(admin.list_topics(timeout=seconds).brokers)
    except KafkaException:
        return set()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on and no client is given, so that a killed node finds its own free again."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise KafkaUnavailable(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
