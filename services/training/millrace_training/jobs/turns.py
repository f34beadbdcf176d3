"""Whose turn it is: which waiting jobs may start now. Pure.

Jobs that train and jobs that only read do not wait for each other. Where jobs wait for each other, an evaluation goes
before trainings: a loop waits for its verdict, and it is soon over. Among the others it is the turn of the loop that
has least running, then of the one that has waited longest since it was last served, so that a loop with many jobs takes
no more turns than a loop with one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from millrace_training.jobs.states import State
from millrace_training.kinds import KINDS
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

PATIENCE = 10
"""Evaluations in a row for which a waiting training steps back; then it is its turn."""
Asker = tuple[str, str | None]
"""Project and loop; what was asked for without a loop shares one turn in its project."""


@dataclass(frozen=True)
class Start:
    """One start of a job: when, whose, and of what kind."""

    moment: datetime
    asker: Asker
    kind: str


def startable(jobs: Sequence[Job], settings: TrainingSettings, starts: Sequence[Start] = ()) -> list[Job]:
    """The waiting jobs for which there is room, in the order in which it is their turn.

    Args:
        jobs: every active job, oldest first.
        starts: the latest starts, newest first.
    """
    return [
        *_lane(jobs, starts, settings.heavy_jobs, heavy=True),
        *_lane(jobs, starts, settings.light_jobs, heavy=False),
    ]


def crowded(jobs: Sequence[Job], settings: TrainingSettings) -> bool:
    """Whether somebody has to wait, so that it matters who was served before."""
    for heavy, room in ((True, settings.heavy_jobs), (False, settings.light_jobs)):
        if sum(KINDS[job.kind].heavy == heavy for job in jobs) > room:
            return True
    return False


def asker(job: Job) -> Asker:
    """For whom the job is done."""
    return job.project, job.loop


def _lane(jobs: Sequence[Job], starts: Sequence[Start], room: int, heavy: bool) -> Iterable[Job]:
    own = [job for job in jobs if KINDS[job.kind].heavy == heavy]
    busy = Counter(asker(job) for job in own if job.state == State.RUNNING)
    waiting = [job for job in own if job.state == State.QUEUED]
    past = [item for item in starts if KINDS[item.kind].heavy == heavy]
    served: dict[Asker, datetime] = {}
    for item in past:
        served.setdefault(item.asker, item.moment)
    streak = _streak(past)
    for _ in range(room - busy.total()):
        if not waiting:
            return
        patient = streak < PATIENCE
        chosen = min(waiting, key=lambda job: _turn(job, busy, served, patient))
        waiting.remove(chosen)
        busy[asker(chosen)] += 1
        streak = streak + 1 if KINDS[chosen.kind].first else 0
        yield chosen


def _turn(
    job: Job, busy: Counter[Asker], served: dict[Asker, datetime], patient: bool
) -> tuple[bool, bool, int, datetime, bool, int]:
    """What orders the waiting; an attempt that was interrupted goes on before another job begins."""
    first = KINDS[job.kind].first
    who = asker(job)
    since = max(job.created_at, served.get(who, job.created_at))
    return first != patient, job.started_at is None, busy[who], since, who in served, job.number


def _streak(past: Sequence[Start]) -> int:
    """How many of the latest starts were of jobs that go before others."""
    for count, item in enumerate(past):
        if not KINDS[item.kind].first:
            return count
    return len(past)
