"""A job that is known by what it was asked: the same question is one job, unless that came to nothing."""

from millrace.client import Millrace
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.rows import IngestSpec
from millrace_contracts.scoring import ScoreSpec

IN_VAIN = (JobState.FAILED, JobState.CANCELLED)


def submit(client: Millrace, spec: IngestSpec | ScoreSpec, key: str, loop: str) -> JobRead:
    """The job of this *key*, going on or done; one that failed or was cancelled is asked again. Raises: ApiError."""
    attempt, job = 1, client.training.submit(spec, key, loop=loop)
    while job.state in IN_VAIN:
        attempt += 1
        job = client.training.submit(spec, f"{key}/{attempt}", loop=loop)
    return job
