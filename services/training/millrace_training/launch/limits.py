"""How much of the machine a job gets. Pure."""

from typing import Any

from millrace_training.kinds import KINDS
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


def memory_bytes(job: Job, settings: TrainingSettings) -> int:
    """Bytes the job's processes may use together."""
    return int(job.limits.get("memory_mb") or settings.job_memory_mb) * 2**20


def wall_seconds(job: Job, settings: TrainingSettings) -> float:
    """Seconds one attempt may take."""
    return float(job.limits.get("wall_seconds") or settings.job_wall_seconds)


def granted(job: Job, settings: TrainingSettings, attempt: int) -> dict[str, Any]:
    """What the job's process is told: the work, who asks, and its share of the machine."""
    kind = KINDS[job.kind]
    return {
        "run": kind.run,
        "spec": job.spec,
        "project": job.project,
        "threads": settings.job_threads if kind.heavy else 1,
        "memory_bytes": memory_bytes(job, settings),
        "wall_seconds": wall_seconds(job, settings),
        "job": {
            "id": job.id,
            "key": job.key,
            "kind": job.kind,
            "loop": job.loop,
            "loop_run": job.loop_run,
            "attempt": attempt,
        },
    }
