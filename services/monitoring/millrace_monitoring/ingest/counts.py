"""What became of every record offered: written, dropped or a duplicate, by revision."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from prometheus_client import Counter as Metric

FIELDS = ("offered", "written", "dropped", "duplicates", "rows", "faults", "late")
Key = tuple[str, str, str, str]
"""Project, endpoint, revision, listener."""

PREDICTIONS = Metric("millrace_predictions_total", "Rows logged.", ["endpoint", "revision"])
DROPPED = Metric("millrace_log_dropped_total", "Log records dropped here.", ["endpoint", "revision"])
DUPLICATES = Metric("millrace_log_duplicates_total", "Log records that came twice.", ["endpoint", "revision"])
FAULTS = Metric("millrace_log_faults_total", "Log records without rows.", ["endpoint", "revision"])


@dataclass
class Tally:
    """Counts by key and field; for the next write."""

    counts: defaultdict[Key, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, key: Key, **more: int) -> None:
        counted = self.counts[key]
        for name, number in more.items():
            counted[name] += number

    def merge(self, other: "Tally") -> None:
        for key, counted in other.counts.items():
            self.counts[key].update(counted)

    def as_dropped(self) -> "Tally":
        """The same records, if they could not be written after all."""
        dropped = Tally()
        for key, counted in self.counts.items():
            dropped.add(key, offered=counted["offered"], dropped=counted["offered"])
        return dropped

    def export(self) -> None:
        """Add to the Prometheus metrics."""
        for (_, endpoint, revision, _), counted in self.counts.items():
            PREDICTIONS.labels(endpoint, revision).inc(counted["rows"])
            DROPPED.labels(endpoint, revision).inc(counted["dropped"])
            DUPLICATES.labels(endpoint, revision).inc(counted["duplicates"])
            FAULTS.labels(endpoint, revision).inc(counted["faults"])
