"""Prometheus metrics of the last closed day of each endpoint; the highest few features only."""

from typing import Any

from prometheus_client import Counter, Gauge

TOP = 10
"""Features of an endpoint that are exported; all of them are in the API."""

LOSS = Gauge("millrace_performance", "Mean loss of the last closed day.", ["endpoint", "version"])
EVIDENCE = Gauge("millrace_edetector_log_value", "Log of the performance detector's value.", ["endpoint"])
DRIFT = Gauge("millrace_feature_drift_psi", "PSI of the running window.", ["endpoint", "feature"])
EXCESS = Gauge(
    "millrace_feature_drift_excess", "PSI over its null's high, last full window.", ["endpoint", "feature"]
)
MISSING = Gauge(
    "millrace_feature_null_ratio", "Share of missing values, last closed day.", ["endpoint", "feature"]
)
OUTSIDE = Gauge(
    "millrace_feature_out_of_range_ratio",
    "Share of values training never saw, last closed day.",
    ["endpoint", "feature"],
)
JOINED = Gauge("millrace_labels_joined_ratio", "Share of rows with a label, last closed day.", ["endpoint"])
DELTA = Gauge(
    "millrace_challenger_loss_delta", "Champion's mean loss less the archived one's.", ["endpoint", "version"]
)
ALARMS = Counter("millrace_alarms_total", "Alarms opened.", ["endpoint", "kind"])
CLOSED = Counter("millrace_days_closed_total", "Days closed.", ["endpoint"])


def export(endpoint: str, item: dict[str, Any]) -> None:
    """Set the metrics from a day as the feed tells it."""
    CLOSED.labels(endpoint).inc()
    for alarm in item["alarms"]:
        ALARMS.labels(endpoint, alarm["kind"]).inc()
    for version, loss in item["versions"].items():
        LOSS.labels(endpoint, version).set(loss["loss"])
        if item["loss"] is not None and version != str(item["champion"]):
            DELTA.labels(endpoint, version).set(item["loss"] - loss["loss"])
    if item["performance"].get("log_value") is not None:
        EVIDENCE.labels(endpoint).set(item["performance"]["log_value"])
    if item["quality"]:
        JOINED.labels(endpoint).set(item["quality"]["label_share"])
        _features(MISSING, endpoint, item["quality"]["missing"])
        _features(OUTSIDE, endpoint, item["quality"]["outside"])
    _features(DRIFT, endpoint, item["drift"].get("psi", {}))
    scores = item["drift"].get("window", {}).get("scores", [])
    _features(EXCESS, endpoint, {one["feature"]: one["psi"] / max(one["null_high"], 1e-9) for one in scores})


def _features(gauge: Gauge, endpoint: str, values: dict[str, float]) -> None:
    for name in sorted(values, key=lambda name: -values[name])[:TOP]:
        gauge.labels(endpoint, name).set(values[name])
