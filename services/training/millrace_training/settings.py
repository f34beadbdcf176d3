"""Settings of the training service."""

import os

from pydantic import Field

from millrace_core.settings import Settings


class TrainingSettings(Settings):
    """How much of the machine jobs may take."""

    service: str = "training"
    heavy_jobs: int = Field(default=1, ge=1)
    """Jobs that train models, running side by side."""
    light_jobs: int = Field(default=2, ge=1)
    """Jobs that read and check data, running side by side."""
    job_threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    """CPUs granted to a heavy job; a light one gets one."""
    job_memory_mb: int = Field(default=4096, ge=64)
    """MiB that the processes of one job may use together, where the job says nothing else."""
    job_wall_seconds: float = Field(default=86_400, gt=0)
    """Seconds one attempt of a job may take, where the job says nothing else."""
    job_attempts: int = Field(default=3, ge=1)
    """How often a job is started when its process disappears."""
    job_look_seconds: float = Field(default=0.5, gt=0)
    """Seconds between two looks at the running jobs."""
    cancel_seconds: float = Field(default=2.0, ge=0)
    """Seconds a cancelled job has to stop by itself."""
    job_keep_days: float = Field(default=30, gt=0)
    """Days after which the folder (log, events, trials) of an ended job is removed."""
