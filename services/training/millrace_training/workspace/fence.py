"""Only the current attempt of a running job may change its folder: no zombie, and no pod of another job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from millrace_core.auth import CurrentActor
from millrace_core.errors import Conflict, Forbidden
from millrace_training.jobs import queries
from millrace_training.jobs.schemas import JobId
from millrace_training.jobs.states import State
from millrace_training.launch import manifests
from millrace_training.tables import Job
from millrace_training.workspace.schemas import Attempt


def own(actor: CurrentActor, id: JobId, attempt: Attempt) -> None:
    """Raises: Forbidden if the pod of a job speaks for another, as its token, which the cluster signed, says."""
    if actor.role != "job" or actor.pod is None or manifests.is_pod_of(actor.pod, id, attempt):
        return
    who = f"the pod {actor.pod}" if actor.pod else "no pod"
    raise Forbidden(f"This token was given to {who}, and not to attempt {attempt} of the job {id}.")


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
