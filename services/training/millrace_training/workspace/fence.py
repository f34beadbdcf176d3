"""Only the current attempt of a running job may change its folder; a zombie's words change nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from millrace_core.errors import Conflict
from millrace_training.jobs import queries
from millrace_training.jobs.states import State
from millrace_training.tables import Job


def check(job: Job, attempt: int) -> None:
    """Raises: Conflict unless *attempt* is the one that runs."""
    if job.state != State.RUNNING:
        raise Conflict(f"The job is {job.state}; attempt {attempt} has nothing more to say.")
    if job.attempts != attempt:
        raise Conflict(f"Attempt {job.attempts} of the job is running, not {attempt}.", current=job.attempts)


@asynccontextmanager
async def held(state: Any, project: str, id: str, attempt: int) -> AsyncIterator[Job]:
    """The job, whose row no one moves while the caller writes. Raises: NotFound; Conflict."""
    async with state.sessions.begin() as session:
        job = await queries.hold(session, project, id)
        check(job, attempt)
        yield job
