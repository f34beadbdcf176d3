"""Prometheus metrics of what waits for people, by project."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge

WAITING = Gauge("millrace_approvals_waiting", "Loop runs that wait for people's approval.", ["project"])
OLDEST = Gauge(
    "millrace_approvals_oldest_seconds", "Seconds for which the oldest of them waits.", ["project"]
)
_known: set[str] = set()


def seen(runs: Sequence[tuple[str, datetime]], now: datetime) -> None:
    """What waits; a project that has nothing waiting any more stands at 0.

    Args:
        runs: of each its project, and since when it waits.
    """
    _known.update(project for project, _ in runs)
    for project in _known:
        waited = [max(0.0, (now - since).total_seconds()) for owner, since in runs if owner == project]
        WAITING.labels(project).set(len(waited))
        OLDEST.labels(project).set(max(waited, default=0.0))
