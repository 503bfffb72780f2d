"""A Kafka broker for tests and for a developer, real wherever a real one can be had."""

from tests.support.kafka.apache import Cluster, KafkaUnavailable
from tests.support.kafka.broker import Broker, find_broker

__all__ = ["Broker", "Cluster", "KafkaUnavailable", "find_broker"]
