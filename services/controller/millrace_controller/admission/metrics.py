"""Prometheus metrics of the queue, by project."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge, Histogram

from millrace_controller.admission.rules import Id, Standing

WAITING = Gauge("millrace_queue_runs", "Loop runs that wait for their turn.", ["project"])
OLDEST = Gauge("millrace_queue_oldest_seconds", "Seconds for which the oldest of them waits.", ["project"])
OPEN = Gauge("millrace_runs_open", "Loop runs whose pipeline is open.", ["project"])
WAITED = Histogram(
    "millrace_queue_waited_seconds", "Seconds that loop runs waited for their turn.", ["project"],
    buckets=(1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400),
)  # fmt: skip


def seen(runs: Sequence[Standing], admitted: Sequence[Id], now: datetime) -> None:
    """What a look at the queue found; a project that has nothing there any more stands at 0."""
    _known.update(run.project for run in runs)
    for project in _known:
        own = [run for run in runs if run.project == project]
        waits = [_seconds(run, now) for run in own if not run.is_open and run.id not in admitted]
        WAITING.labels(project).set(len(waits))
        OLDEST.labels(project).set(max(waits, default=0.0))
        OPEN.labels(project).set(len(own) - len(waits))
    for run in runs:
        if run.id in admitted:
            WAITED.labels(run.project).observe(_seconds(run, now))


def _seconds(run: Standing, now: datetime) -> float:
    return max(0.0, (now - run.since).total_seconds())


_known: set[str] = set()
