"""How much of the machine a job gets. Pure."""

from millrace_training.kinds import KINDS
from millrace_training.runtime.assignment import Assignment, JobIdentity
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


def memory_bytes(job: Job, settings: TrainingSettings) -> int:
    """Bytes the job's processes may use together."""
    return int(job.limits.get("memory_mb") or settings.job_memory_mb) * 2**20


def wall_seconds(job: Job, settings: TrainingSettings) -> float:
    """Seconds one attempt may take."""
    return float(job.limits.get("wall_seconds") or settings.job_wall_seconds)


def granted(job: Job, settings: TrainingSettings, attempt: int) -> Assignment:
    """What the job's process is told: the work, who asks, and its share of the machine."""
    kind = KINDS[job.kind]
    return Assignment(
        run=kind.function,
        spec=job.spec,
        project=job.project,
        threads=settings.job_threads if kind.heavy else 1,
        memory_bytes=memory_bytes(job, settings),
        wall_seconds=wall_seconds(job, settings),
        job=JobIdentity(job.id, job.key, job.kind, job.loop, job.loop_run, attempt),
    )
