"""The broker that tests run against: the first that is to be had of a given one, a container, and Apache's jars.

Where none is, there is librdkafka's mock cluster, which speaks the protocol and keeps no promise: enough for the
adapter's own suite, and marked `real=False` so that nothing else leans on it.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer

from tests.support.kafka.apache import Cluster, KafkaUnavailable, known_brokers

ADDRESS = "CHANGHU_TEST_KAFKA"
REQUIRED = "CHANGHU_REQUIRE_KAFKA"
GIVEN_SECONDS_MAX = 10.0  # for a broker that is said to be up already


@dataclass(frozen=True, kw_only=True)
class Broker:
    bootstrap: str
    real: bool
    how: str
    """Where it comes from, in words; of a mock, also why there is no real one."""


@contextmanager
def find_broker(work_dir: Path) -> Iterator[Broker]:
    """A broker for as long as the block runs; one that was started here keeps its data under `work_dir`.

    Raises KafkaUnavailable where CHANGHU_TEST_KAFKA names a broker that does not answer, and where
    CHANGHU_REQUIRE_KAFKA=1 and there is no real one.
    """
    with ExitStack() as held:
        if address := os.environ.get(ADDRESS):
            if not known_brokers(address, seconds=GIVEN_SECONDS_MAX):
                raise KafkaUnavailable(f"{ADDRESS}={address} does not answer")
            yield Broker(bootstrap=address, real=True, how=f"given as {ADDRESS}")
            return
        reasons = [f"{ADDRESS} is not set"]
        ways = {"Docker": _in_container(), "Apache's jars": _from_jars(work_dir)}
        for name, way in ways.items():
            try:
                broker = held.enter_context(way)
            except KafkaUnavailable as reason:
                reasons.append(f"{name}: {reason}")
            else:
                yield broker
                return
        why = "no real broker (" + "; ".join(reasons) + ")"
        if os.environ.get(REQUIRED) == "1":
            raise KafkaUnavailable(f"{why}, and {REQUIRED}=1")
        yield held.enter_context(_mock(why))


@contextmanager
def _in_container() -> Iterator[Broker]:
    import docker  # type: ignore[import-untyped]  # here, because most sessions never come this far
    from testcontainers.community.kafka import KafkaContainer

    try:
        docker.from_env(timeout=5).ping()
        container = KafkaContainer().with_kraft()
        container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        container.with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        container.with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        container.start()
    except Exception as error:  # whatever keeps a container from starting, the next way may do
        raise KafkaUnavailable(_one_line(error)) from error
    try:
        yield Broker(bootstrap=container.get_bootstrap_server(), real=True, how=f"container {container.image}")
    finally:
        container.stop()


@contextmanager
def _from_jars(work_dir: Path) -> Iterator[Broker]:
    with Cluster(work_dir / "kafka", nodes=1) as cluster:
        yield Broker(bootstrap=cluster.bootstrap, real=True, how="Apache Kafka from its jars")


@contextmanager
def _mock(why: str) -> Iterator[Broker]:
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    members = producer.list_topics(timeout=GIVEN_SECONDS_MAX).brokers.values()
    bootstrap = ",".join(f"{member.host}:{member.port}" for member in members)
    yield Broker(bootstrap=bootstrap, real=False, how=f"librdkafka's mock cluster: {why}")
    del producer  # the mock lives in it


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
