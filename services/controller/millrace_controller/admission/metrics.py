"""Prometheus metrics of the queue, by project."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge, Histogram

WAITING = Gauge("millrace_queue_runs", "Loop runs that wait for their turn.", ["project"])
OLDEST = Gauge("millrace_queue_oldest_seconds", "Seconds for which the oldest of them waits.", ["project"])
OPEN = Gauge("millrace_runs_open", "Loop runs whose pipeline is open.", ["project"])
WAITED = Histogram(
    "millrace_queue_waited_seconds", "Seconds that loop runs waited for their turn.", ["project"],
    buckets=(1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400),
)  # fmt: skip


def seen(runs: Sequence[tuple[str, datetime, bool]], now: datetime) -> None:
    """What stands in the queue; a project that has nothing there any more stands at 0.

    Args:
        runs: of each that is open or waits its project, since when it is there, and whether it waits.
    """
    _known.update(project for project, _, _ in runs)
    for project in _known:
        own = [(since, waits) for owner, since, waits in runs if owner == project]
        waited = [max(0.0, (now - since).total_seconds()) for since, waits in own if waits]
        WAITING.labels(project).set(len(waited))
        OLDEST.labels(project).set(max(waited, default=0.0))
        OPEN.labels(project).set(len(own) - len(waited))


def admitted(project: str, seconds: float) -> None:
    """It was the turn of a run that had waited so long."""
    WAITED.labels(project).observe(max(0.0, seconds))


_known: set[str] = set()
