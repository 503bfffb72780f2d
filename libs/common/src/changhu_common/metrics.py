"""What tells whether a service keeps up: how much waits, since when, and how its requests fare.

One object for each service with a registry of its own, so that several services in one process keep
apart. Labels are topics and route templates: never ids, never people.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest

CONTENT_TYPE = CONTENT_TYPE_PLAIN_1_0_0
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """A service's gauges and histograms for Prometheus."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._registry = CollectorRegistry()
        self._outbox = self._gauge("changhu_outbox_events", "Events that wait in the outbox.")
        self._outbox_age = self._gauge(
            "changhu_outbox_oldest_seconds", "Age of the oldest event that waits in the outbox."
        )
        self._lag = self._gauge("changhu_consumer_lag_events", "Events that a topic still holds for us.", "topic")
        self._backlog = self._gauge("changhu_backlog_items", "Work of the service's own loops that waits.")
        self._parked = self._gauge("changhu_parked_events", "Events parked after failing.")
        self._requests = Histogram(
            "changhu_http_request_seconds",
            "Requests by route and answer.",
            ("service", "method", "route", "status"),
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, ("service", *labels), registry=self._registry)

    def flow(
        self, *, outbox: int, outbox_oldest_seconds: float, lag: Mapping[str, int], backlog: int, parked: int
    ) -> None:
        """Take the present state; a topic that is no longer read is no longer told."""
        self._outbox.labels(self._service).set(outbox)
        self._outbox_age.labels(self._service).set(outbox_oldest_seconds)
        self._backlog.labels(self._service).set(backlog)
        self._parked.labels(self._service).set(parked)
        self._lag.clear()
        for topic, events in lag.items():
            self._lag.labels(self._service, topic).set(events)

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is the template ("/persons/{person}"), never the path."""
        self._requests.labels(self._service, method, route, str(status)).observe(seconds)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, to be sent as CONTENT_TYPE."""
        return generate_latest(self._registry)
