"""Prometheus metrics of the last closed day of each endpoint; the highest few features only."""

from prometheus_client import Counter, Gauge

from millrace_contracts.closings import ClosingRead

TOP = 10
"""Features of an endpoint that are exported; all of them are in the API."""

LOSS = Gauge("millrace_performance", "Mean loss of the last closed day.", ["endpoint", "version"])
EVIDENCE = Gauge("millrace_edetector_log_value", "Log of the performance detector's value.", ["endpoint"])
DRIFT = Gauge("millrace_feature_drift_psi", "PSI of the running window.", ["endpoint", "feature"])
EXCESS = Gauge(
    "millrace_feature_drift_excess",
    "PSI over what two windows in a row reach by chance, last full window.",
    ["endpoint", "feature"],
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
SET_ASIDE = Gauge("millrace_notices_set_aside", "Decisions of which nobody could be told.")
CLOSED = Counter("millrace_days_closed_total", "Days closed.", ["endpoint"])


def export(closing: ClosingRead) -> None:
    """Set the metrics from a day as the feed tells it."""
    endpoint = closing.endpoint
    CLOSED.labels(endpoint).inc(closing.days)
    for alarm in closing.alarms:
        ALARMS.labels(endpoint, alarm.kind).inc()
    for version, mean in closing.versions.items():
        LOSS.labels(endpoint, version).set(mean.loss)
        if closing.loss is not None and version != str(closing.champion):
            DELTA.labels(endpoint, version).set(closing.loss - mean.loss)
    if closing.performance.log_value is not None:
        EVIDENCE.labels(endpoint).set(closing.performance.log_value)
    if closing.quality.label_share is not None:
        JOINED.labels(endpoint).set(closing.quality.label_share)
    _features(MISSING, endpoint, closing.quality.missing or {})
    _features(OUTSIDE, endpoint, closing.quality.outside or {})
    _features(DRIFT, endpoint, closing.drift.psi or {})
    scores = closing.drift.window.scores if closing.drift.window else []
    _features(EXCESS, endpoint, {one.feature: one.psi / max(one.null_high, 1e-9) for one in scores})


def _features(gauge: Gauge, endpoint: str, values: dict[str, float]) -> None:
    for name in sorted(values, key=lambda name: -values[name])[:TOP]:
        gauge.labels(endpoint, name).set(values[name])
