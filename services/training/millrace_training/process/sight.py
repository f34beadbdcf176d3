"""What can be seen of a running job at one moment, wherever it runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace_training.runtime.folder import JobFolder


@dataclass(frozen=True)
class Sight:
    """One look at a job; *peak* is what the job said of itself at its end.

    Attributes:
        alive: something of this attempt may still run.
        rss: bytes in memory now, all its processes together.
        setback: why the attempt was in vain, when another may do better.
        refusal: why no attempt will do better, as the machinery around the job saw it.
        excused: the attempt ended through no fault of the job (evicted, preempted, its node lost).
        began: when its code began to run; None: with the attempt.
        waits: it has not begun yet.
        waiting: what keeps it from beginning that will not pass by itself, as JSON shows it.
    """

    alive: bool
    rss: int
    peak: int
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    setback: dict[str, Any] | None
    refusal: dict[str, Any] | None = None
    excused: bool = False
    began: datetime | None = None
    waits: bool = False
    waiting: dict[str, str] | None = None


def told(folder: JobFolder) -> dict[str, Any]:
    """What the job itself wrote into its folder, as the fields of a Sight."""
    usage = folder.read("usage") or {}
    return {
        "peak": int(usage.get("peak_rss_bytes", 0)),
        "progress": folder.read("progress"),
        "result": folder.read("result"),
        "error": folder.read("error"),
        "setback": folder.read("setback"),
    }
