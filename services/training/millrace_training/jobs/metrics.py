"""Prometheus metrics of the jobs' queue, by project."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge

from millrace_training.jobs.states import State
from millrace_training.tables import Job

QUEUED = Gauge("millrace_jobs_queued", "Jobs that wait for their turn.", ["project"])
OLDEST = Gauge(
    "millrace_jobs_queued_oldest_seconds", "Seconds for which the oldest of them waits.", ["project"]
)
RUNNING = Gauge("millrace_jobs_running", "Jobs that were started and are not over.", ["project"])


def seen(jobs: Sequence[Job], now: datetime) -> None:
    """What every active job makes of them; a project that has none any more stands at 0."""
    queued = [job for job in jobs if job.state == State.QUEUED]
    waiting, running = Counter(job.project for job in queued), Counter(job.project for job in jobs)
    running.subtract(waiting)
    for project in _known | running.keys():
        waits = [(now - job.created_at).total_seconds() for job in queued if job.project == project]
        QUEUED.labels(project).set(waiting[project])
        OLDEST.labels(project).set(max(waits, default=0.0))
        RUNNING.labels(project).set(running[project])
    _known.update(running.keys())


_known: set[str] = set()
