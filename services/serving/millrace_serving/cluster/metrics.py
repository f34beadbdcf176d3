"""Prometheus metrics of where revisions sit."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import Gauge

KINDS = ("own", "shared", "unloaded")
REVISIONS = Gauge("millrace_serving_revisions", "Loaded revisions by the pods in which they sit.", ["pods"])


def seen(kinds: Iterable[str]) -> None:
    """In what pods each revision sits now."""
    counted = Counter(kinds)
    for kind in KINDS:
        REVISIONS.labels(kind).set(counted[kind])
