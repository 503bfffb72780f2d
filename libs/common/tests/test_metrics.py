"""Gauges tell the present, and two services in one process do not mix."""

from changhu_common.metrics import CONTENT_TYPE, Metrics
from prometheus_client.parser import text_string_to_metric_families


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    return {
        (
            sample.name,
            sample.labels.get("topic") or sample.labels.get("route") or sample.labels["service"],
        ): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.labels.get("le") in (None, "+Inf")
    }


def test_the_present_flow_is_told() -> None:
    metrics = Metrics("settlement")
    metrics.flow(outbox=3, outbox_oldest_seconds=1.5, lag={"care.service": 7}, backlog=0, parked=1)
    told = samples(metrics)
    assert told["changhu_outbox_events", "settlement"] == 3
    assert told["changhu_outbox_oldest_seconds", "settlement"] == 1.5
    assert told["changhu_consumer_lag_events", "care.service"] == 7
    assert told["changhu_parked_events", "settlement"] == 1


def test_a_topic_that_is_no_longer_read_is_no_longer_told() -> None:
    metrics = Metrics("settlement")
    metrics.flow(outbox=0, outbox_oldest_seconds=0, lag={"care.service": 7}, backlog=0, parked=0)
    metrics.flow(outbox=0, outbox_oldest_seconds=0, lag={"enrollment.person": 0}, backlog=0, parked=0)
    assert ("changhu_consumer_lag_events", "care.service") not in samples(metrics)


def test_requests_are_counted_by_route() -> None:
    metrics = Metrics("enrollment")
    for seconds in (0.01, 0.02):
        metrics.request(method="GET", route="/persons/{person}", status=200, seconds=seconds)
    assert samples(metrics)["changhu_http_request_seconds_count", "/persons/{person}"] == 2


def test_services_in_one_process_keep_apart() -> None:
    one, other = Metrics("enrollment"), Metrics("settlement")
    one.flow(outbox=3, outbox_oldest_seconds=0, lag={}, backlog=0, parked=0)
    assert ("changhu_outbox_events", "enrollment") not in samples(other)
    assert CONTENT_TYPE.startswith("text/plain")
