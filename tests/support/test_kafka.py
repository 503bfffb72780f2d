"""The brokers that tests lean on: there when asked, real where they say so, and gone with whoever started them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.kafka import Broker, KafkaUnavailable, find_broker
from tests.support.kafka import broker as finding

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 90


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def make_topic(bootstrap: str, name: str, *, partitions: int) -> None:
    """With as many copies as the cluster makes by itself; aiokafka takes -1 only beside empty assignments."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    answer = await admin.create_topics([NewTopic(name, partitions, -1, replica_assignments={})])
    await admin.close()
    assert answer.topic_errors[0][1] == 0, answer.topic_errors


async def produce(bootstrap: str, topic: str, *, count: int, keys: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=5)
    async with producer:
        for first in range(0, count, 500):
            numbers = range(first, first + 500)
            sent = [await producer.send(topic, b"%d" % n, key=b"%d" % (n % keys)) for n in numbers]
            await asyncio.gather(*sent)


async def consume(bootstrap: str, topic: str, *, count: int) -> dict[bytes, list[int]]:
    """What stands in the topic, by key in order; waits for as many as were sent, then looks for more."""
    found: dict[bytes, list[int]] = {}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(SECONDS_MAX):
        fetched = True
        while fetched or sum(map(len, found.values())) < count:
            fetched = await consumer.getmany(timeout_ms=500)
            for records in fetched.values():
                for record in records:
                    found.setdefault(record.key, []).append(int(record.value))
    return found


async def test_broker_keeps_what_it_was_given_in_order(kafka: Broker) -> None:
    topic = f"kept-{os.getpid()}"
    await make_topic(kafka.bootstrap, topic, partitions=3)
    await produce(kafka.bootstrap, topic, count=1000, keys=7)
    found = await consume(kafka.bootstrap, topic, count=1000)
    assert found == {b"%d" % key: list(range(key, 1000, 7)) for key in range(7)}


@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_broker_dies_with_whoever_started_it(kafka: Broker, order: signal.Signals, tmp_path: Path) -> None:
    if "jars" not in kafka.how:
        pytest.skip(f"only for a broker that is our own process; this is one {kafka.how}")
    command = [sys.executable, "-m", "tests.support.kafka"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert "127.0.0.1:" in owner.stdout.readline()
        brokers = psutil.Process(owner.pid).children()
        assert [process.name() for process in brokers] == ["java"]
        owner.send_signal(order)
    wait_until(lambda: not any(process.is_running() for process in brokers))


def test_given_broker_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(finding.ADDRESS, "127.0.0.1:1")
    monkeypatch.setattr(finding, "GIVEN_SECONDS_MAX", 0.5)
    with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1:1 does not answer"), find_broker(tmp_path):
        pass


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with neither Docker nor Java, and no address given."""
    monkeypatch.delenv(finding.ADDRESS, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("nothing_installed")
def test_without_a_real_broker_the_mock_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(finding.REQUIRED, raising=False)
    with find_broker(tmp_path) as broker:
        assert not broker.real
        for reason in (finding.ADDRESS, "Docker", "no java on the PATH"):
            assert reason in broker.how


@pytest.mark.usefixtures("nothing_installed")
def test_where_a_real_broker_is_required_its_absence_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(finding.REQUIRED, "1")
    with pytest.raises(KafkaUnavailable, match="no java on the PATH"), find_broker(tmp_path):
        pass
