"""What can be seen of a running job at one moment, wherever it runs."""

from dataclasses import dataclass
from datetime import datetime

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import JobProgress, Problem
from millrace_contracts.waiting import Waiting
from millrace_training.runtime.assignment import Usage
from millrace_training.runtime.folder import JobFolder


@dataclass(frozen=True)
class Outcome:
    """What the job itself wrote into its folder: how far it is, its peak in bytes, and how the attempt ended."""

    peak: int = 0
    progress: JobProgress | None = None
    result: Document | None = None
    error: Problem | None = None
    setback: Problem | None = None

    @property
    def is_handed_in(self) -> bool:
        """Whether the job is over by its own word."""
        return self.result is not None or self.error is not None


@dataclass(frozen=True)
class Sight:
    """One look at a job.

    Attributes:
        outcome: what the job said of itself; its setback: why the attempt was in vain, when another may do better.
        alive: something of this attempt may still run.
        rss: bytes in memory now, all its processes together.
        refusal: why no attempt will do better, as the machinery around the job saw it.
        excused: the attempt ended through no fault of the job (evicted, preempted, its node lost).
        began: when its code began to run; None: with the attempt.
        waits: it has not begun yet.
        short: the attempt ended since there was no room for its pod; another may find some.
        queued: seconds of the attempt in which another's queue held it back.
        waiting: what keeps it from beginning that will not pass by itself.
    """

    outcome: Outcome
    alive: bool
    rss: int
    refusal: Problem | None = None
    excused: bool = False
    began: datetime | None = None
    waits: bool = False
    short: bool = False
    queued: float = 0.0
    waiting: Waiting | None = None

    @property
    def peak(self) -> int:
        """Most bytes that are known of."""
        return max(self.rss, self.outcome.peak)


def outcome(folder: JobFolder) -> Outcome:
    """What the job has written so far."""
    usage = folder.read("usage", Usage)
    return Outcome(
        peak=0 if usage is None else usage.peak_rss_bytes,
        progress=folder.read("progress", JobProgress),
        result=folder.document("result"),
        error=folder.read("error", Problem),
        setback=folder.read("setback", Problem),
    )
